#!/bin/sh
# Pictures of a page in headless Chromium, at a phone's and a desk's width, light and dark:
# usage: scripts/screenshot.sh PAGE.html OUT-FOLDER [HEIGHT]
# Writes NAME-360-light.png, NAME-360-dark.png, NAME-1280-light.png, NAME-1280-dark.png.
set -eu
page=$(readlink -f "$1"); out=$2; height=${3:-2400}
browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome) ||
    { echo "screenshot: no chromium here (apt-get install chromium)" >&2; exit 77; }
mkdir -p "$out"
name=$(basename "$page" .html)
home=$(mktemp -d); trap 'rm -rf "$home"' EXIT
frame() { # WIDTH: a window narrower than the browser's least one is made with a frame
    printf '<!doctype html><style>body{margin:0}iframe{border:0;width:%spx;height:%spx}</style><iframe src="file://%s"></iframe>' \
        "$1" "$height" "$page" > "$home/frame-$1.html"
}
for width in 360 1280; do
    frame "$width"
    for scheme in light dark; do
        [ "$scheme" = dark ] && dark=--blink-settings=preferredColorScheme=0 || dark=--blink-settings=preferredColorScheme=1
        HOME=$home "$browser" --headless --no-sandbox --disable-gpu --hide-scrollbars --allow-file-access-from-files \
            --user-data-dir="$home/profile" --force-device-scale-factor=1 "$dark" \
            --window-size="$((width < 500 ? 500 : width)),$height" \
            --screenshot="$out/$name-$width-$scheme.png" "file://$home/frame-$width.html" > "$home/log" 2>&1 ||
            { cat "$home/log" >&2; exit 1; }
        echo "$out/$name-$width-$scheme.png"
    done
done
