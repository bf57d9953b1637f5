#!/bin/sh
# Install the system packages that tests use and that are missing: a browser and a font for the page's pictures, and the
# servers that fixtures run privately. apt starts none of them where it may not (policy-rc.d); the tests need none started.
# Never fails the build: a test that lacks its server skips, or fails under MUHURAT_REQUIRE_SERVERS=1.
set -u
missing=""
command -v chromium >/dev/null 2>&1 || missing="$missing chromium"
[ -d /usr/share/fonts/truetype/dejavu ] || missing="$missing fonts-dejavu-core"
command -v mariadbd >/dev/null 2>&1 || [ -x /usr/sbin/mariadbd ] || missing="$missing mariadb-server"
command -v redis-server >/dev/null 2>&1 || missing="$missing redis-server"
command -v dockerd >/dev/null 2>&1 || [ -x /usr/sbin/dockerd ] || missing="$missing docker.io"
command -v busybox >/dev/null 2>&1 || missing="$missing busybox-static"
command -v mvn >/dev/null 2>&1 || missing="$missing maven"
command -v java >/dev/null 2>&1 || missing="$missing default-jre-headless"
command -v zstd >/dev/null 2>&1 || missing="$missing zstd"
command -v gpg >/dev/null 2>&1 || missing="$missing gnupg"
[ -n "$missing" ] || exit 0

cannot() {
    echo "system packages:$missing not installed: $1. Tests that need them skip, or fail under MUHURAT_REQUIRE_SERVERS=1."
    exit 0
}

command -v apt-get >/dev/null 2>&1 || cannot "this machine has no apt-get"
[ "$(id -u)" = 0 ] || cannot "only root may install; run: sudo apt-get install$missing"
echo "system packages: installing$missing"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086  # one word per package
{ apt-get update && apt-get install -y --no-install-recommends $missing; } >"$log" 2>&1 ||
    { tail -n 5 "$log"; cannot "apt-get failed, see above"; }
