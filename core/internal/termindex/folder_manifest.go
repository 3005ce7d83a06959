package termindex

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"strings"

	"github.com/factstr/factstr-go/core/internal/terms"
)

// manifest is the content of the file that says which segments a folder has. It is small, and each
// change writes all of it.
//
//	16 bytes  magic, format version, checksum of both
//	uint64    seed
//	uvarint   length of the log's identity, then the identity
//	uvarint   number of segments; each: length of its name, name, size, checksum of its footer
//	uint32    checksum of all before
type manifest struct {
	seed     terms.Seed
	log      string
	segments []listed
}

// listed is a segment as the manifest names it. Size and checksum of the footer tell whether the
// file of that name is the one that was meant.
type listed struct {
	name string
	size int64
	sum  uint32
}

const (
	manifestName    = "manifest"
	manifestNew     = "manifest.new"
	manifestMagic   = "FSTRTIDX"
	manifestMax     = 1 << 20
	segmentSuffix   = ".segment"
	manifestHeadLen = len(manifestMagic) + 8
)

// ErrNewerFormat says that a later version of this library wrote the folder. It is left as it is.
var ErrNewerFormat = errors.New("the index was written in a newer format")

var errManifest = errors.New("the index's manifest is damaged")

// segmentName returns a name that no segment had before.
func segmentName(info Info) string {
	return fmt.Sprintf("%d-%d-%016x%s", info.First.Sequence, info.Last.Sequence, rand.Uint64(), segmentSuffix)
}

// ofFolder reports whether a folder writes files of such names, and so may remove them.
func ofFolder(name string) bool {
	return name == manifestNew || strings.HasSuffix(name, segmentSuffix)
}

func (m manifest) encode() []byte { return m.encodeAs(FormatVersion) }

func (m manifest) encodeAs(version uint32) []byte {
	dst := binary.LittleEndian.AppendUint32([]byte(manifestMagic), version)
	dst = binary.LittleEndian.AppendUint32(dst, crc32.Checksum(dst, castagnoli))
	dst = binary.LittleEndian.AppendUint64(dst, uint64(m.seed))
	dst = append(binary.AppendUvarint(dst, uint64(len(m.log))), m.log...)
	dst = binary.AppendUvarint(dst, uint64(len(m.segments)))
	for _, s := range m.segments {
		dst = append(binary.AppendUvarint(dst, uint64(len(s.name))), s.name...)
		dst = binary.AppendUvarint(dst, uint64(s.size))
		dst = binary.LittleEndian.AppendUint32(dst, s.sum)
	}
	return binary.LittleEndian.AppendUint32(dst, crc32.Checksum(dst, castagnoli))
}

// decodeManifest returns errManifest or ErrNewerFormat if there is nothing to go by.
func decodeManifest(data []byte) (m manifest, err error) {
	if len(data) < manifestHeadLen+checksumLen || string(data[:len(manifestMagic)]) != manifestMagic ||
		crc32.Checksum(data[:manifestHeadLen-4], castagnoli) != littleUint32(data[manifestHeadLen-4:]) {
		return m, errManifest
	}
	if littleUint32(data[len(manifestMagic):]) > FormatVersion {
		return m, ErrNewerFormat
	}
	body, sum := data[:len(data)-checksumLen], data[len(data)-checksumLen:]
	if littleUint32(data[len(manifestMagic):]) != FormatVersion || crc32.Checksum(body, castagnoli) != littleUint32(sum) {
		return m, errManifest
	}
	in := bounded{rest: body[manifestHeadLen:]}
	text := func() string { return string(in.bytes(int(in.atMost(manifestMax)), nil)) }
	m.seed = terms.Seed(binary.LittleEndian.Uint64(in.bytes(8, zeros[:8])))
	m.log = text()
	for range in.atMost(manifestMax) {
		s := listed{name: text(), size: int64(in.atMost(1 << 62)), sum: littleUint32(in.bytes(4, zeros[:4]))}
		if in.bad || !ofFolder(s.name) || strings.ContainsAny(s.name, "/\x00") {
			return manifest{}, errManifest
		}
		m.segments = append(m.segments, s)
	}
	if in.bad || len(in.rest) > 0 {
		return manifest{}, errManifest
	}
	return m, nil
}
