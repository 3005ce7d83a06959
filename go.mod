module github.com/factstr/factstr-go

go 1.26
