#!/bin/sh
# Stands before the real npx on the PATH of a synthesis: a tool that the
# project has in its node_modules is run at once, as npx would after starting
# npm (0.4 s); everything else is npx's affair.
case "$1" in
'' | -* | */* | *@*) ;;
*)
	dir=$PWD
	while :; do
		if [ -x "$dir/node_modules/.bin/$1" ]; then
			tool=$dir/node_modules/.bin/$1
			PATH=$dir/node_modules/.bin:$PATH
			export PATH
			shift
			exec "$tool" "$@"
		fi
		[ -n "$dir" ] || break
		dir=${dir%/*}
	done
	;;
esac
PATH=${PATH#*:}
export PATH
exec npx "$@"
