#!/bin/sh
# The whole job once, on a store in a temporary directory: a list comes in at night, its campaign goes out at nine,
# is stopped and released in between, and afterwards the store says who got it and who did not, and why.
# Every step shows its command and checks what it did. XPIMPORT names the program (default: xpimport on PATH).
set -eu
here=$(cd -- "$(dirname -- "$0")" && pwd)
: "${XPIMPORT:=xpimport}"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
cd "$work"
XPIMPORT_DB=$work/xpimport.db
export XPIMPORT_DB

# run CODE ARGUMENTS: show and run the command; its exit code must be CODE. JSON is checked, not shown.
run() {
    expected=$1
    shift
    said=xpimport
    for word in "$@"; do
        case $word in
            *[!A-Za-z0-9_./:=@,-]*) said="$said '$word'" ;;
            *) said="$said $word" ;;
        esac
    done
    printf '\n$ XPIMPORT_NOW=%s %s\n' "$XPIMPORT_NOW" "$said"
    code=0
    "$XPIMPORT" "$@" >out 2>err || code=$?
    sed -e '/(XPIMPORT_NOW)/d' -e 's/^/    /' err
    case " $* " in
        *" --json "*) ;;
        *) sed 's/^/    /' out ;;
    esac
    [ "$code" = "$expected" ] || fail "exit code $code, expected $expected"
}
fail() {
    echo "walkthrough: '$said': $1" >&2
    exit 1
}
# says TEXT: the last command wrote TEXT, to stdout or stderr.
says() {
    grep -qF -- "$1" out err || fail "it does not say '$1'"
}
# holds CONDITION: a Python condition on the last command's JSON, d.
holds() {
    python3 -c "import json; d = json.load(open('out')); assert $1" 2>/dev/null || fail "not so: $1"
}
# check WHAT COMMAND: the command succeeds.
check() {
    what=$1
    shift
    "$@" || fail "not so: $what"
}
sent() {
    find "$work" -path '*/new/*' -type f | wc -l
}

# The day before: set everything up.
export XPIMPORT_NOW=2026-11-23T16:00:00Z
cp "$here/vip.csv" "$here/welcome.txt" "$here/welcome.html" .
run 0 init --timezone Europe/Dublin
check "the store is for its owner only" test "$(ls -l "$XPIMPORT_DB" | cut -c1-10)" = "-rw-------"
run 0 settings set triggers on
run 0 attribute add first_name string
run 0 attribute add city string
run 0 campaign add welcome --channel outbox --from club@example.com --subject "Welcome, {{ first_name }}" \
    --text welcome.txt --html welcome.html
run 5 campaign add welcome --channel outbox --from club@example.com --subject Again --text welcome.txt
run 0 import add vip-daily --source "$work/vip.csv" --schedule "daily 03:00" --campaign welcome --send-at 09:00
run 0 import check vip-daily
says invalid_email
run 0 plan --days 1
says "03:00"
says "09:00"

# The night: the first minute looks at the file, the second finds it unchanged and imports it.
export XPIMPORT_NOW=2026-11-24T03:00:00Z
run 0 tick
export XPIMPORT_NOW=2026-11-24T03:01:00Z
run 0 tick
check "a tick with no trouble says nothing" test ! -s out
run 0 task list --json
holds "len(d) == 1 and d[0]['status'] == 'completed'"
run 0 task show 1 --json
holds "d['rows']['read'] == 9 and d['rows']['created'] == 6 and d['rows']['merged'] == 1"
holds "d['rows']['rejected'] == 2 and d['delivery']['audience'] == 6 and d['delivery']['unsent'] == 6"
holds "d['trigger']['state'] == 'scheduled' and d['trigger']['send_at'] == '2026-11-24T09:00:00Z'"

# The morning: look at it, stop it, think again, let it go.
export XPIMPORT_NOW=2026-11-24T08:00:00Z
run 0 campaign preview welcome --profile u-1001
says "Hello Ana"
says "Porto"
run 0 report 1 --rejected
says missing_identifier
run 0 stop-trigger vip-daily
run 0 task show 1 --json
holds "d['trigger']['state'] == 'stopped'"
run 0 release-trigger 1
run 0 profile unsubscribe u-1006 --medium email
run 0 tick
check "nothing went out before nine" test "$(sent)" -eq 0

# Nine o'clock: the campaign goes to exactly those people, less those who do not want it.
export XPIMPORT_NOW=2026-11-24T09:00:00Z
run 0 tick
check "four messages are in the outbox" test "$(sent)" -eq 4
run 0 task show 1 --json
holds "d['trigger']['state'] == 'sent' and d['delivery']['accepted'] == 4 and d['delivery']['excluded'] == 2"
holds "d['delivery']['excluded_by_reason'] == [{'reason': 'unsubscribed', 'count': 2}]"
run 5 stop-trigger 1

# Afterwards: who got it, who did not, and why.
run 0 report
says unsubscribed
run 0 report --excluded --output excluded.csv
check "two people and a header" test "$(wc -l <excluded.csv)" -eq 3
check "Eve, who had opted out before" grep -q "u-1005.*unsubscribed" excluded.csv
check "Farid, who opted out at eight" grep -q "u-1006.*unsubscribed" excluded.csv

# By hand, later: the same content is held until a person says that it is meant.
export XPIMPORT_NOW=2026-11-24T14:00:00Z
run 0 run-now vip-daily
says release-trigger
run 0 task list --import vip-daily --json
holds "d[0]['status'] == 'completed'"
run 0 profile show u-1006 --json
run 4 task show 99
run 0 import deactivate vip-daily
check "still four messages" test "$(sent)" -eq 4

printf '\nwalkthrough: every step did what it should.\n'
