frugal meter -- true 2> /dev/null && frugal report && grep -c 'By kind of run' report.html
