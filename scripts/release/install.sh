#!/bin/sh
# Installs mscache: downloads the archive for this machine, checks it against SHA256SUMS, and puts
# the program into a directory of yours. Nothing is changed if anything fails.
#   sh install.sh                          into ~/.local/bin
#   MSCACHE_BIN=/usr/local/bin sh install.sh
# MSCACHE_RELEASE_URL is where the files of the release lie; a published copy of this script knows.
set -eu

version='@VERSION@'
url="${MSCACHE_RELEASE_URL:-@RELEASE_URL@}"
bin="${MSCACHE_BIN:-${HOME:?set HOME or MSCACHE_BIN}/.local/bin}"

fail() {
  echo "install.sh: $1" >&2
  exit 1
}

# The name of the archive's target, as scripts/release/targets.ts has it.
target() {
  machine="$(uname -m)"
  case "$machine" in
    x86_64 | amd64) machine=x64 ;;
    aarch64 | arm64) machine=arm64 ;;
    *) fail "there is no executable for $machine; with Bun, run it from npm: bunx mscache" ;;
  esac
  case "$(uname -s)" in
    Linux) linux_target ;;
    Darwin) darwin_target ;;
    *) fail "this script is for Linux and macOS; Windows has a .zip at $url" ;;
  esac
}

linux_target() {
  libc=""
  if (ldd --version 2>&1 || true) | grep -qi musl; then libc=-musl; fi
  level=""
  if [ "$machine" = x64 ] && ! grep -qw avx2 /proc/cpuinfo; then level=-baseline; fi
  echo "linux-$machine$libc$level"
}

# A shell under Rosetta calls itself x86_64 on a machine that is arm64.
darwin_target() {
  if [ "$(sysctl -n sysctl.proc_translated 2>/dev/null || echo 0)" = 1 ]; then machine=arm64; fi
  level=""
  if [ "$machine" = x64 ] && ! sysctl -n machdep.cpu.leaf7_features 2>/dev/null | grep -qw AVX2; then
    level=-baseline
  fi
  echo "darwin-$machine$level"
}

download() {
  if command -v curl >/dev/null; then
    curl -fsSL --retry 3 -o "$2" "$1" || fail "cannot download $1"
  elif command -v wget >/dev/null; then
    wget -q -O "$2" "$1" || fail "cannot download $1"
  else
    fail "needs curl or wget"
  fi
}

# "checksum  name", as sha256sum prints it.
sum_of() {
  if command -v sha256sum >/dev/null; then
    sha256sum "$1"
  elif command -v shasum >/dev/null; then
    shasum -a 256 "$1"
  else
    fail "needs sha256sum or shasum to check the download"
  fi
}

case "$version$url" in
  *@*) fail "this copy belongs to no release; set MSCACHE_RELEASE_URL, or take a published one" ;;
esac
chosen="$(target)"
folder="mscache-$version-$chosen"
archive="$folder.tar.gz"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

download "$url/SHA256SUMS" "$work/SHA256SUMS"
expected="$(grep "  $archive\$" "$work/SHA256SUMS")" || fail "the release has no $archive"
download "$url/$archive" "$work/$archive"
actual="$(sum_of "$work/$archive")"
expected="${expected%% *}"
actual="${actual%% *}"
[ "$actual" = "$expected" ] || fail "$archive is damaged: its SHA-256 is $actual, not $expected"
tar -xzf "$work/$archive" -C "$work"

mkdir -p "$bin"
# First beside its place and then renamed: a running mscache keeps its file.
cp "$work/$folder/mscache" "$bin/.mscache.$$"
chmod 755 "$bin/.mscache.$$"
mv -f "$bin/.mscache.$$" "$bin/mscache"
echo "mscache $version is in $bin/mscache"
case ":$PATH:" in
  *":$bin:"*) ;;
  *) echo "$bin is not in your PATH: add it, or call the program by its whole name" ;;
esac
