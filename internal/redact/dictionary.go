package redact

// alphabet says what a byte of a text means.
type alphabet struct {
	// symbols has the symbol of each byte; stop ends a word, skip is left out
	// of it.
	symbols [256]uint16
	// bits is the size of a symbol.
	bits uint
	// key is how many symbols at the beginning of a word lead to it.
	key int
}

const (
	stop = 1 << 8
	skip = 1 << 9
)

// plainAlphabet takes bytes for what they are, except that a form writes '+'
// for a space.
var plainAlphabet = func() *alphabet {
	a := &alphabet{bits: 8, key: minSecret}
	for c := range a.symbols {
		a.symbols[c] = uint16(c)
	}
	a.symbols['+'] = ' '
	return a
}()

// letterAlphabet reads base64 in both of its alphabets (RFC 4648), which have
// the hexadecimal digits among them. White space is where tools wrap lines.
var letterAlphabet = func() *alphabet {
	a := &alphabet{bits: 6, key: minLetters}
	for c := range a.symbols {
		a.symbols[c] = stop
	}
	const base64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	for i, c := range []byte(base64) {
		a.symbols[c] = uint16(i)
	}
	a.symbols['-'], a.symbols['_'] = a.symbols['+'], a.symbols['/']
	for _, c := range []byte(" \t\r\n") {
		a.symbols[c] = skip
	}
	return a
}()

// dictionary finds words in texts of an alphabet. Most places of a text begin
// no word; the filter, which fits into a processor's nearest cache, tells so.
type dictionary struct {
	*alphabet
	filter [1 << 10]uint64
	words  map[uint64][]word
	// has are the words themselves.
	has map[string]bool
}

// word is what a dictionary finds.
type word struct {
	// symbols are compared one by one.
	symbols []byte
	// ragged says that the word's first and last symbols are not all of the
	// secret: the ones before and after hold bits of it, too.
	raggedStart, raggedEnd bool
	// hint is not secret but a sign that one of the looks may be there.
	hint uint16
}

func newDictionary(a *alphabet) *dictionary {
	return &dictionary{alphabet: a, words: make(map[uint64][]word), has: make(map[string]bool)}
}

// add adds a word, which is written in the alphabet. One that is too short to
// be told from ordinary text is left out.
func (d *dictionary) add(text string, w word) {
	w.symbols = make([]byte, len(text))
	for i := range len(text) {
		w.symbols[i] = byte(d.alphabet.symbols[text[i]])
	}
	name := string(w.symbols) + string(rune(w.hint))
	if len(w.symbols) < d.key || d.has[name] {
		return
	}
	d.has[name] = true
	key := d.keyOf(w.symbols)
	d.words[key] = append(d.words[key], w)
	slot, bit := place(key)
	d.filter[slot] |= bit
}

// addHint adds a hint in all mixtures of small and capital letters.
func (d *dictionary) addHint(h hint) {
	spellings := []string{""}
	for _, c := range []byte(h.text) {
		var more []string
		for _, s := range spellings {
			more = append(more, s+string(c))
			if c >= 'a' && c <= 'z' {
				more = append(more, s+string(c-'a'+'A'))
			}
		}
		spellings = more
	}
	for _, s := range spellings {
		d.add(s, word{hint: h.bit})
	}
}

func (d *dictionary) keyOf(symbols []byte) uint64 {
	var key uint64
	for _, s := range symbols[:d.key] {
		key = key<<d.bits | uint64(s)
	}
	return key
}

// place is where the filter has a key (Fibonacci hashing).
func place(key uint64) (slot, bit uint64) {
	hash := key * 0x9E3779B97F4A7C15 >> 48
	return hash >> 6, 1 << (hash & 63)
}

// scan adds the places where words are, and returns the hints that it met.
func (d *dictionary) scan(v *view, found []span) ([]span, uint16) {
	var key uint64
	var seen uint16
	mask := uint64(1)<<(d.bits*uint(d.key)) - 1
	n := 0
	for i, c := range v.text {
		symbol := d.symbols[c]
		if symbol >= stop {
			if symbol == stop {
				n = 0
			}
			continue
		}
		key = (key<<d.bits | uint64(symbol)) & mask
		if n++; n < d.key {
			continue
		}
		if slot, bit := place(key); d.filter[slot]&bit == 0 {
			continue
		}
		for _, w := range d.words[key] {
			if w.hint != 0 {
				seen |= w.hint
				continue
			}
			if end, ok := d.matches(v.text, i+1, w); ok {
				found = append(found, v.place(d.extend(v.text, d.start(v.text, i), end, w)))
			}
		}
	}
	return found, seen
}

// matches tells whether the rest of a word, behind its key, is at i, and where
// it ends.
func (d *dictionary) matches(text []byte, i int, w word) (end int, ok bool) {
	end = i
	for _, want := range w.symbols[d.key:] {
		for end < len(text) && d.symbols[text[end]] == skip {
			end++
		}
		if end == len(text) || d.symbols[text[end]] != uint16(want) {
			return 0, false
		}
		end++
	}
	return end, true
}

// start is where the key begins whose last symbol is at i.
func (d *dictionary) start(text []byte, i int) int {
	for n := d.key - 1; n > 0; {
		i--
		if d.symbols[text[i]] != skip {
			n--
		}
	}
	return i
}

// extend takes in the neighbours that hold bits of a ragged word, and the
// padding behind it.
func (d *dictionary) extend(text []byte, from, to int, w word) span {
	if w.raggedStart && from > 0 && d.symbols[text[from-1]] < stop {
		from--
	}
	if w.raggedEnd && to < len(text) && d.symbols[text[to]] < stop {
		to++
	}
	for d.bits == 6 && to < len(text) && text[to] == '=' {
		to++
	}
	return span{from, to}
}
