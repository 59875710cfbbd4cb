module espalier/test/peers/acmez

go 1.26

require github.com/mholt/acmez/v3 v3.1.7
