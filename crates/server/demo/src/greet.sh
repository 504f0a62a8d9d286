# usage: greet.sh GREETING AUDIENCE LOUD
set -eu
line="$1, $2!"
if [ "$3" = true ]; then
    line=$(printf '%s' "$line" | tr '[:lower:]' '[:upper:]')
fi
printf '%s\n' "$line"
