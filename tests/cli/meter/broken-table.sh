# A table of one's own that does not parse: the row is named, the program is not run, and 125 is frugal's, not the program's.
mkdir -p config/frugal/tables
printf 'zone,intensity_g_per_kwh,source\nFR,much,mine\n' > config/frugal/tables/grid.csv
XDG_CONFIG_HOME=$PWD/config "$FRUGAL" meter -- touch ran 2> said
[ $? = 125 ] && [ ! -e ran ] && grep -q 'row 1 (line 2)' said
