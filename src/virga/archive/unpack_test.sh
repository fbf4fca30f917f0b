#!/bin/sh
# unpack_test.sh VIRGA_UNPACK CORPUS: the program does as its first lines say, with zips of the fuzz target's corpus.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

mkdir good
answer=$("$1" good 3<"$2/infozip.zip")
test "$answer" = '{"files":3,"directories":2,"symlinks":1,"bytes":3028,"tree":"0ffd2af27c7c8f7c531a05bb9268568d885bebd5ebd3bc2cce72b3b655df0e9e"}'
test -x good/bin/run
test "$(cat good/bin/link)" = "exports.handler=1"

refuse() {
  mkdir refused
  if answer=$("$1" refused 3<"$2"); then
    echo "$2 was not refused: $answer"
    exit 1
  fi
  case $answer in
    "virga-unpack: "*"$3"*) ;;
    *) echo "$2: unexpected answer: $answer"; exit 1 ;;
  esac
  test -z "$(ls -A refused)"
  rmdir refused
}
refuse "$1" "$2/hostile.zip" "entry '../up'"
refuse "$1" "$2/encrypted.zip" "encrypted"
refuse "$1" "$2/cut.zip" "not a whole zip file"
refuse "$1" /dev/null "not a whole zip file"
