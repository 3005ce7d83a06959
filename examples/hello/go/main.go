package main

import (
	"context"
	"fmt"
	"log"
	"os"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/sqlite"
)

func main() {
	ctx := context.Background()
	store, err := sqlite.Open(ctx, append(os.Args, "hello.db")[1], sqlite.Options{})
	if err != nil {
		log.Fatal(err)
	}
	seat := factstr.OfTypes("SeatReserved")
	fact, _ := factstr.Event("SeatReserved", map[string]string{"seat": "A1", "by": "Ada"})

	context, _ := store.Query(ctx, seat)                                                            // nothing yet
	fmt.Println(store.AppendIf(ctx, []factstr.NewEvent{fact}, seat, context.CurrentContextVersion)) // fact 1
	fmt.Println(store.AppendIf(ctx, []factstr.NewEvent{fact}, seat, context.CurrentContextVersion)) // somebody was first: version 1
	fmt.Println(store.Close(ctx))
}
