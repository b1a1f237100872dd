/* cli/monitor_import.h: `frugal monitor import`: recorded series become runs of the ledger. */
#ifndef FR_CLI_MONITOR_IMPORT_H
#define FR_CLI_MONITOR_IMPORT_H

#include "cli/cli.h"

#define FR_OPTIONS_IMPORT                                                                          \
    { "accelerator", 0, FR_OPTION_TEXT, "NAME", "import: model by it (row of accelerators.csv)" }, \
        { "instance", 0, FR_OPTION_TEXT, "TYPE",                                                   \
          "import: model the machine by it, as c5.4xlarge" },                                      \
        { "count", 0, FR_OPTION_F64, "N",                                                          \
          "import: accelerators that one series tells of (default 1)" },                           \
        { "columns", 0, FR_OPTION_TEXT, "LIST",                                                    \
          "import: of a CSV without header, as timestamp,index,…" },                               \
        { "tz", 0, FR_OPTION_TEXT, "ZONE",                                                         \
          "import: of times without one (default: this machine's)" },                              \
        { "every", 0, FR_OPTION_F64, "SECONDS", "import: between rows without time stamps" },      \
        { "from", 0, FR_OPTION_TEXT, "DATE", "import: begin" },                                    \
        { "to", 0, FR_OPTION_TEXT, "DATE", "import --cloudwatch: end (default: now)" },            \
        { "period", 0, FR_OPTION_I64, "SECONDS",                                                   \
          "import --cloudwatch: of a datum (default 300)" },                                       \
        { "metric", 0, FR_OPTION_LIST, "NAME",                                                     \
          "import --cloudwatch: what to ask for (repeatable)" },                                   \
    {                                                                                              \
        "dimension", 0, FR_OPTION_LIST, "NAME=VALUE", "import --cloudwatch: of whom (repeatable)"  \
    }

/** FILE… after the word import, or --cloudwatch NAMESPACE. */
int fr_monitor_import(fr_cli *cli, fr_err *err);

#endif
