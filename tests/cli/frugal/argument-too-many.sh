# What a command would pass over in silence is refused; forms with any number of arguments stay.
frugal regions --provider aws Sweden; echo "exit status $?"
frugal quantize a.gguf b.gguf Q8_0 c.gguf; echo "exit status $?"
frugal prompt lint a.txt b.txt; echo "exit status $?"
frugal regions Sweden --help | grep usage
frugal ledger change batch of 8; echo "exit status $?"
frugal meter --ledger '' -q -- true one two three; echo "exit status $?"
