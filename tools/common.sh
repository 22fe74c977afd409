# Shared by tools/quickstart and tools/test: sourced, not run. POSIX sh.

root=$(CDPATH= cd -- "$(dirname -- "$0")/.." && pwd)

say() { printf '== %s\n' "$*"; }
fail() { printf '%s: %s\n' "$0" "$*" >&2; exit 1; }

listed_packages() { sed -e 's/#.*//' -e 's/[[:space:]]//g' -e '/^$/d' "$root/tools/packages"; }

missing_packages() {
  for package in $(listed_packages); do
    state=$(dpkg-query -W -f='${Status}' "$package" 2>/dev/null || true)
    [ "$state" = "install ok installed" ] || printf '%s ' "$package"
  done
}

ensure_packages() {
  command -v dpkg-query >/dev/null 2>&1 && command -v apt-get >/dev/null 2>&1 ||
    fail "this machine has no apt; install what tools/packages lists (Debian names) in its own way, then run
  cmake --preset release && cmake --build --preset release"
  missing=$(missing_packages)
  [ -n "$missing" ] || return 0
  say "installing: $missing"
  as_root=
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null 2>&1 || fail "packages are missing and this is neither root nor is there sudo; as root, run
  apt-get update && apt-get install -y --no-install-recommends $missing"
    as_root=sudo
  fi
  $as_root env DEBIAN_FRONTEND=noninteractive apt-get update -q || fail "apt-get update failed (see above)"
  # shellcheck disable=SC2086  # a list of names
  $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $missing ||
    fail "apt-get could not install: $missing"
  missing=$(missing_packages)
  [ -z "$missing" ] || fail "still missing after the installation: $missing"
}

configure() {
  say "configuring build/release"
  (cd "$root" && cmake --preset release >"$root/build/configure.log" 2>&1) || {
    cat "$root/build/configure.log" >&2
    fail "cmake could not configure (see above)"
  }
}

# build TARGET...
build() {
  say "building $* with $(nproc) jobs"
  (cd "$root" && cmake --build build/release --parallel "$(nproc)" --target "$@")
}
