frugal report --text "$FIXTURES/report/questions.json"
