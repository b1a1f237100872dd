# The page in a real browser: at a phone's and a desk's width nothing is wider than the window,
# nothing is asked of anybody, nothing is complained about, and no text of a verdict runs.
browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome) ||
    { echo "no chromium here (apt-get install chromium)"; exit 77; }
cp "$FIXTURES"/report/*.json .
frugal report questions.json hostile.json -o page.html > /dev/null || exit 1
frame() { # WIDTH
    cat <<HTML
<!doctype html><title>frame</title><iframe src="page.html" style="width:$1px;height:900px;border:0"></iframe><pre id="said"></pre>
<script>
window.onerror = function (what) { document.getElementById('said').textContent += 'error: ' + what + '\n'; };
window.onload = function () {
    var inner = document.querySelector('iframe').contentWindow, root = inner.document.documentElement, wide = [];
    inner.document.querySelectorAll('body *').forEach(function (e) {
        var box = e.getBoundingClientRect();
        if (box.width > 0 && !e.closest('svg > *') && box.right > $1 + 0.5) wide.push(e.tagName + '.' + e.className);
    });
    document.getElementById('said').textContent += 'said: width $1: overflow ' + Math.max(0, root.scrollWidth - $1) +
        ', wide elements ' + wide.slice(0, 5).join(' ') + ', resources ' + inner.performance.getEntriesByType('resource').length +
        ', scripts ' + inner.document.scripts.length + ', charts ' + inner.document.querySelectorAll('svg').length + ' end\n';
};
</script>
HTML
}
for width in 360 1280; do
    frame $width > frame.html
    "$browser" --headless --no-sandbox --disable-gpu --allow-file-access-from-files --user-data-dir="$PWD/profile" \
        --window-size=1400,1000 --enable-logging=stderr --virtual-time-budget=5000 --dump-dom "file://$PWD/frame.html" \
        > dom.txt 2> log.txt || { tail -3 log.txt; echo "chromium does not run here"; exit 77; }
    grep -o 'said: width.* end' dom.txt | grep -v "' +"
    grep 'CONSOLE' log.txt
    grep -o 'error: .*' dom.txt | grep -v "' + what"
done
exit 0
