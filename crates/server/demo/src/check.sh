# Checks that greetings come out as they should.
set -eu
failures=0

check() {
    expected=$1
    shift
    actual=$(sh src/greet.sh "$@")
    if [ "$actual" = "$expected" ]; then
        echo "ok: $actual"
    else
        echo "expected '$expected', got '$actual'"
        failures=$((failures + 1))
    fi
}

check "Hello, world!" Hello world false
check "HALLO, WELT!" Hallo Welt true
exit "$failures"
