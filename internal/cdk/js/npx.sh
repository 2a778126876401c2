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
	# With yarn's Plug'n'Play there is no node_modules: yarn knows the tool.
	if [ -n "$AWSCDK_OPERATOR_YARN" ] && "$AWSCDK_OPERATOR_YARN" bin "$1" >/dev/null 2>&1; then
		exec "$AWSCDK_OPERATOR_YARN" run --binaries-only "$@"
	fi
	;;
esac
# Without its own folder, so that the real npx is found.
rest=:$PATH:
PATH=${rest%%":${0%/*}:"*}:${rest#*":${0%/*}:"}
PATH=${PATH#:}
PATH=${PATH%:}
export PATH
exec npx "$@"
