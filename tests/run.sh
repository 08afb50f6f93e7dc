#!/bin/sh
# Make an environment, install what the tests need, and run all checks. With arguments only pytest runs, with them:
#   sh tests/run.sh tests/rules -k schedule
# For daily work only what concerns the files that differ from main; further arguments go to pytest:
#   sh tests/run.sh --changed -x
# The whole sweep of injected faults, of which the other runs take a few; with a number N every Nth of them:
#   sh tests/run.sh --faults 10
# In CI (CI=true) a test that is skipped because its server is absent is a failure.
set -eu
cd -- "$(dirname -- "$0")/.."

say() {
    echo "tests/run.sh: $*" >&2
}

# Paths of this repository that differ from main, committed or not.
changed() {
    base=$(git merge-base HEAD main 2>/dev/null || git merge-base HEAD origin/main 2>/dev/null || echo HEAD)
    git diff --name-only "$base"
    git ls-files --others --exclude-standard
}

# The tests that concern these paths: the test files among them, and the folder of tests that mirrors a folder of the
# package (tests/cli where there is none). A helper concerns those who name it, and what all tests use all of them.
concerned() {
    {
        echo tests/test_architecture.py
        echo tests/test_docs.py
        changed | while read -r path; do
            folder=${path#*/}
            folder=${folder%%/*}
            case $path in
            tests/test_*.py | tests/*/test_*.py) echo "$path" ;;
            tests/servers/*.py)
                grep -rlw --include='test_*.py' --include=conftest.py "$(basename "$path" .py)" tests || true
                ;;
            tests/*/*) echo "tests/$folder" ;;
            tests/*.py | pyproject.toml) echo tests ;;
            xpimport/reporting/*) printf '%s\n' tests/cli tests/reporting tests/tracking/test_views.py ;;
            xpimport/*) if [ -d "tests/$folder" ]; then echo "tests/$folder"; else echo tests/cli; fi ;;
            examples/*) echo tests/cli/test_walkthrough.py ;;
            esac
        done
    } | sed 's|/conftest\.py$||' | sort -u | while read -r path; do
        [ ! -e "$path" ] || echo "$path"
    done | awk 'index($0, folder "/") != 1 { print; folder = $0 }'
}

python=
for candidate in python3 python3.14 python3.13 python3.12 python3.11 python; do
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        python=$candidate
        break
    fi
done
if [ -z "$python" ]; then
    say "Python 3.11 or newer was not found on PATH"
    exit 1
fi

missing_packages() {
    command -v cron >/dev/null && command -v crontab >/dev/null || echo cron
    command -v sshd >/dev/null || echo openssh-server
    command -v smtp-sink >/dev/null || echo postfix
    command -v sqlite3 >/dev/null || echo sqlite3
    command -v strace >/dev/null || echo strace
    command -v chromium >/dev/null || echo chromium
    # Debian's Python comes without what makes an environment.
    "$python" -c 'import ensurepip, venv' 2>/dev/null || echo python3-venv
}

install_packages() {
    # The servers are started by the tests that need them, each on its own port.
    policy=/usr/sbin/policy-rc.d
    if [ ! -e "$policy" ]; then
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod 755 "$policy"
        trap 'rm -f "$policy"' EXIT
    fi
    export DEBIAN_FRONTEND=noninteractive
    log=$(mktemp)
    # shellcheck disable=SC2086 # one word a package
    if ! { apt-get -qq update && apt-get -qq install -y --no-install-recommends $1; } </dev/null >"$log" 2>&1; then
        tail -n 20 "$log" >&2
        say "apt-get did not work"
    fi
    rm -f "$log"
}

PATH=$PATH:/usr/sbin:/sbin
missing=$(missing_packages | tr '\n' ' ')
if [ -n "$missing" ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    say "installing by apt-get: $missing"
    install_packages "$missing"
    missing=$(missing_packages | tr '\n' ' ')
fi
if [ -n "$missing" ]; then
    say "missing, so the tests that need them are skipped: $missing"
fi

environment=$PWD/.venv-test
if ! "$environment/bin/python" -c 'import pip' 2>/dev/null; then
    say "making an environment in .venv-test"
    "$python" -m venv --clear "$environment"
fi
# pip takes seconds to find that nothing is to be done.
installed=$environment/installed-from
if [ "$(cat "$installed" 2>/dev/null)" != "$PWD" ] || [ pyproject.toml -nt "$installed" ]; then
    "$environment/bin/python" -m pip install --quiet --disable-pip-version-check --editable '.[test]'
    echo "$PWD" >"$installed"
fi
PATH=$environment/bin:$PATH
export PATH

# moto needs an older python-dateutil than we do. It is large, so a run of chosen tests does without, except in CI.
moto=$PWD/.venv-moto
if { [ $# -eq 0 ] || [ "${CI:-}" = true ]; } && [ ! -x "$moto/bin/moto_server" ]; then
    say "making an environment for moto in .venv-moto"
    "$python" -m venv --clear "$moto" &&
        "$moto/bin/python" -m pip install --quiet --disable-pip-version-check 'moto[server]>=5.2' ||
        say "moto could not be installed, so the tests that need it are skipped"
fi

if [ "${CI:-}" = true ]; then
    export XPIMPORT_REQUIRE_SERVERS=1
fi
workers='--numprocesses 2 --dist loadgroup'
if [ "${1:-}" = --faults ]; then
    export XPIMPORT_FAULTS_EVERY="${2:-1}"
    # shellcheck disable=SC2086 # one word an option
    exec pytest $workers tests/faults
fi
if [ "${1:-}" = --changed ]; then
    shift
    chosen=$(concerned)
    # shellcheck disable=SC2086 # one word a path or an option
    {
        say "chosen by what differs from main:" $chosen
        exec pytest $workers $chosen "$@"
    }
fi
if [ $# -gt 0 ]; then
    exec pytest "$@"
fi
ruff check
ruff format --check
mypy
# shellcheck disable=SC2086 # one word an option
exec pytest $workers
