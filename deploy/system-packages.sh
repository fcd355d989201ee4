#!/bin/sh
# Say which system programs are missing, and install them where that is allowed (Debian and Ubuntu, as root or by sudo).
# Usage: deploy/system-packages.sh [run|test|prod]
set -eu

wanted=""
need() { # need PROGRAM PACKAGE
    command -v "$1" >/dev/null 2>&1 || wanted="$wanted $2"
}

need fluidsynth fluidsynth
need lame lame
need ffmpeg ffmpeg
need espeak-ng espeak-ng
need fpcalc libchromaprint-tools
# compiles the composer's kernel; its headers are only recommended by gcc
[ -n "${CC:-}" ] || need cc "gcc libc6-dev"
found_font=no
for folder in "${SOLOSCORE_SOUNDFONT_DIR:-/nonexistent}" /usr/share/sounds/sf3 /usr/share/sounds/sf2 /usr/local/share/soundfonts; do
    for font in "$folder"/MuseScore_General*.sf[23]; do [ -e "$font" ] && found_font=yes; done
done
[ "$found_font" = yes ] || wanted="$wanted musescore-general-soundfont"
if [ "${1:-run}" = test ]; then
    need chromium chromium
    ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null 2>&1 || wanted="$wanted postgresql"
fi
if [ "${1:-run}" = prod ]; then
    need nginx nginx
    need rabbitmq-server rabbitmq-server
fi
[ -n "$wanted" ] || exit 0

command="apt-get install -y --no-install-recommends$wanted"
if ! command -v apt-get >/dev/null 2>&1; then
    echo "Soloscore needs these Debian packages or their like:$wanted" >&2
    exit 1
fi
if [ "$(id -u)" = 0 ]; then
    run=""
elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
    run="sudo"
else
    echo "Soloscore needs system packages. Please run:  sudo $command" >&2
    exit 1
fi
echo "Installing system packages:$wanted"
export DEBIAN_FRONTEND=noninteractive
# A list that was never fetched, or is out of date, makes the first try fail.
$run $command >/dev/null 2>&1 || { $run apt-get update >/dev/null && $run $command >/dev/null; }
