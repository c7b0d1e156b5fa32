#!/bin/sh
# What the test suites need from Debian. Installs it when it can; otherwise says what will be skipped.
set -eu
need=""
command -v mosquitto >/dev/null 2>&1 || [ -x /usr/sbin/mosquitto ] || need="$need mosquitto"
command -v mosquitto_sub >/dev/null 2>&1 || need="$need mosquitto-clients"
ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 || need="$need postgresql"
[ -x /usr/bin/chromium ] || need="$need chromium"
command -v strace >/dev/null 2>&1 || need="$need strace"
[ -x /usr/bin/espeak-ng ] || need="$need espeak-ng"
[ -x /usr/bin/aplay ] || need="$need alsa-utils"
[ -x /lib/nut/upsd ] && [ -x /lib/nut/dummy-ups ] || need="$need nut-server"
command -v systemd-analyze >/dev/null 2>&1 || need="$need systemd"
/usr/bin/python3 -c "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import GstRtspServer" >/dev/null 2>&1 \
    && [ -e /usr/lib/"$(uname -m)"-linux-gnu/gstreamer-1.0/libgstrtp.so ] \
    || need="$need python3-gi gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-good gstreamer1.0-plugins-base"
fc-list 2>/dev/null | grep -qi "noto.*cjk" || need="$need fonts-noto-cjk fontconfig"
[ -z "$need" ] && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "installing for the tests:$need"
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $need >/dev/null
else
    echo "Some suites will be skipped, each with its reason. To run them all: sudo apt install$need"
fi
