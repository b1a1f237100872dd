frugal --completion bash > c.bash && bash -n c.bash && . ./c.bash && COMP_WORDS=(frugal led) COMP_CWORD=1 && _frugal && echo "${COMPREPLY[0]}"; frugal --completion fish | head -n 1
