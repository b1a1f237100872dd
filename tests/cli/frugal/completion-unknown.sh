frugal --completion tcsh
