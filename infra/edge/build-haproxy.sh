#!/bin/bash
# HAProxy 3.0 on AWS-LC, which takes half of OpenSSL 3's CPU for a new connection: built into $MUSTER_TOOLS/haproxy-<version>-awslc/haproxy.
# Sources by the ordinary clients: HAProxy's from Debian's archive (apt checks it), AWS-LC's inside the crate aws-lc-sys. Two minutes on two cores.
# Run by npm run test:full; as root on Debian it installs what it needs.
set -euo pipefail
haproxy=3.0.11 suite=trixie awslc=0.47.0
sha256=a133e2d550c5fd9a849b5c7ab17bb945bcdad209ca140d41f45ebf31943ae783
: "${MUSTER_TOOLS:=${XDG_CACHE_HOME:-$HOME/.cache}/muster-tools}"
dir="$MUSTER_TOOLS/haproxy-$haproxy-awslc"
[ -x "$dir/haproxy" ] && exit
for tool in apt-get cargo cmake make cc c++; do command -v "$tool" >/dev/null || { echo "$tool is needed to build HAProxy" >&2; exit 1; }; done
if ! [ -e /usr/include/pcre2.h ]; then
  [ "$(id -u)" = 0 ] || { echo "not root, cannot install: libpcre2-dev" >&2; exit 1; }
  DEBIAN_FRONTEND=noninteractive apt-get -qy install --no-install-recommends libpcre2-dev
fi
mkdir -p "$MUSTER_TOOLS"
work=$(mktemp -d "$MUSTER_TOOLS/.haproxy.XXXX"); trap 'rm -rf "$work"' EXIT
cd "$work"
# A list of sources of its own: the machine's is not touched, and its mirror is used.
site=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' | head -n 1)
mkdir -p lists/partial cache/archives/partial crate/src
echo "deb-src $site $suite main" > sources.list
printf 'Dir::Etc::sourcelist "%s";\nDir::Etc::sourceparts "/dev/null";\nDir::State::lists "%s";\nDir::Cache "%s";\nAPT::Sandbox::User "root";\n' \
  "$work/sources.list" "$work/lists" "$work/cache" > apt.conf
APT_CONFIG="$work/apt.conf" apt-get -q update
version=$(APT_CONFIG="$work/apt.conf" apt-cache showsrc haproxy | sed -n "s/^Version: \($haproxy-.*\)/\1/p" | head -n 1)
APT_CONFIG="$work/apt.conf" apt-get -q source --download-only --tar-only "haproxy=$version"
echo "$sha256  haproxy_$haproxy.orig.tar.gz" | sha256sum --check --quiet
tar xf "haproxy_$haproxy.orig.tar.gz"
printf '[package]\nname = "fetch"\nversion = "0.0.0"\nedition = "2021"\n[dependencies]\naws-lc-sys = "=%s"\n' "$awslc" > crate/Cargo.toml
touch crate/src/lib.rs
(cd crate && cargo vendor --quiet ../vendor > /dev/null)
nice -n 19 cmake -S vendor/aws-lc-sys/aws-lc -B aws-lc -DCMAKE_BUILD_TYPE=Release -DBUILD_TESTING=OFF -DBUILD_TOOL=OFF -DDISABLE_GO=ON -DDISABLE_PERL=ON \
  -DBUILD_SHARED_LIBS=OFF -DCMAKE_INSTALL_PREFIX="$work/installed" > cmake.log
nice -n 19 make -C aws-lc -j2 install > make.log 2>&1
nice -n 19 make -C "haproxy-$haproxy" -j2 TARGET=linux-glibc USE_OPENSSL_AWSLC=1 USE_PROMEX=1 USE_STATIC_PCRE2=1 USE_PCRE2_JIT=1 \
  SSL_INC="$work/installed/include" SSL_LIB="$work/installed/lib" ADDLIB=-lstdc++ > haproxy.log 2>&1 || { tail -n 20 haproxy.log >&2; exit 1; }
strip "haproxy-$haproxy/haproxy"
mkdir -p made && mv "haproxy-$haproxy/haproxy" made/
mv -T made "$dir" 2>/dev/null || true          # another run was faster
