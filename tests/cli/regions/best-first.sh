"$FRUGAL" regions --provider aws --within FR,DEU,SE,IE --why
