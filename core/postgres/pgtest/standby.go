//go:build unix

package pgtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/jackc/pgx/v5/pgconn"
)

// Standby creates a copy of a running server that follows it, and waits until the copy accepts
// connections. The caller closes it. The server's own functions make the backup, since not every
// installation has pg_basebackup.
func (s *Server) Standby() (*Server, error) {
	standby, err := newServer(s.installation, filepath.Dir(s.folder))
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), startLimit)
	defer cancel()
	if err := s.backup(ctx, standby); err != nil {
		return nil, errors.Join(fmt.Errorf("pgtest: copying the server: %w", err), standby.Close())
	}
	if err := standby.writeFile("standby.signal", ""); err != nil {
		return nil, errors.Join(err, standby.Close())
	}
	// pg_hba.conf and the primary's settings came with the data.
	if err := standby.startOnFreePort(map[string]string{
		"hot_standby":      "on",
		"primary_conninfo": fmt.Sprintf("host=127.0.0.1 port=%d user=postgres application_name=%s", s.port, filepath.Base(standby.folder)),
	}); err != nil {
		return nil, err
	}
	return standby, nil
}

func (s *Server) backup(ctx context.Context, to *Server) (err error) {
	start, stop := "pg_backup_start('standby', true)", "pg_backup_stop(false)"
	if s.Version() < 15 {
		start, stop = "pg_start_backup('standby', true, false)", "pg_stop_backup(false, false)"
	}
	// The backup belongs to the connection.
	connection, err := pgconn.Connect(ctx, s.URL())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, connection.Close(context.WithoutCancel(ctx))) }()
	if _, err := connection.Exec(ctx, "SELECT "+start).ReadAll(); err != nil {
		return err
	}
	if err := copyTree(s.data(), to.data(), s.installation.user); err != nil {
		return err
	}
	results, err := connection.Exec(ctx, "SELECT labelfile FROM "+stop).ReadAll()
	if err != nil {
		return err
	}
	if err := to.writeFile("backup_label", string(results[0].Rows[0][0])); err != nil {
		return err
	}
	return os.Remove(filepath.Join(to.data(), "postmaster.pid"))
}

// Promote makes a standby the primary, and returns once it accepts writes.
func (s *Server) Promote() error {
	ctx, cancel := context.WithTimeout(context.Background(), startLimit)
	defer cancel()
	return Exec(ctx, s.URL(), "SELECT pg_promote(true, 60)")
}
