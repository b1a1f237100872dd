echo "{" > v.json; frugal report v.json; ls
