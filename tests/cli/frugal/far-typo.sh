frugal xyzzyplugh
