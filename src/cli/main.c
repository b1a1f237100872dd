/* frugal: the program. Everything is in cli.c, so that tests can link it without main(). */
#include "cli/cli_priv.h"

int main(int argc, char **argv)
{
    return fr_cli_main(argc, argv);
}
