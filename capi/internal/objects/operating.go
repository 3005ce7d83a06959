package objects

import "context"

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
	return s.submitOnGoroutine(target, s.verify)
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
	return s.submitOnGoroutine(target, func(ctx context.Context) ([]byte, error) { return s.backup(ctx, path) })
}
