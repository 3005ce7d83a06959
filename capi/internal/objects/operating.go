package objects

import (
	"context"

	"github.com/factstr/factstr-go/capi/internal/guard"
)

// Verify returns the JSON of factstr_verify.
func (s *Store) Verify() ([]byte, error) { return s.verify(context.Background()) }

func (s *Store) verify(ctx context.Context) ([]byte, error) {
	report, err := s.core.Verify(ctx)
	if err != nil {
		return nil, err
	}
	return s.codec.AppendVerification(nil, report), nil
}

// SubmitVerify submits a Verify.
func (s *Store) SubmitVerify(target Target) (request uint64, err error) {
	return s.submitLong(target, s.verify)
}

// Backup returns the JSON of factstr_backup.
func (s *Store) Backup(path string) ([]byte, error) { return s.backup(context.Background(), path) }

func (s *Store) backup(ctx context.Context, path string) ([]byte, error) {
	made, err := s.core.Backup(ctx, path)
	if err != nil {
		return nil, err
	}
	return s.codec.AppendBackup(nil, made), nil
}

// SubmitBackup submits a Backup.
func (s *Store) SubmitBackup(path string, target Target) (request uint64, err error) {
	return s.submitLong(target, func(ctx context.Context) ([]byte, error) { return s.backup(ctx, path) })
}

// submitLong submits what takes long, on a goroutine of its own.
func (s *Store) submitLong(
	target Target, do func(context.Context) (text []byte, err error),
) (request uint64, err error) {
	sub := &submission{target: target}
	return s.submit(sub, func() error {
		go func() {
			answer := Answer{codec: s.codec}
			answer.Err = guard.Call(&s.Poison, func() (err error) {
				answer.Plain, err = do(sub.context)
				return err
			})
			sub.finish(answer)
		}()
		return nil
	})
}
