cp -r "$FIXTURES"/prompt/files/. .
"$FRUGAL" prompt render few-paths.yaml --set q=how --set tone=short; echo
"$FRUGAL" prompt render chat-roles.json --set role=judge --set q=why; echo
"$FRUGAL" prompt render chat-roles.json --set role=judge --set q=why --json
"$FRUGAL" prompt render chat-roles.json --set rolle=judge --set q=why; echo $?
