// make-tar-goldens: what Go's archive/tar writes for the headers that are hard to write, so that stave's encoder
// can be held against it byte by byte. Written by hand once, with the Go 1.19 of Debian 12; needs nothing but the standard library:
//
//	go run tools/make-tar-goldens/main.go tests/data/tar
//
// headers.tsv describes the cases, one a line; headers.tar is the header blocks of all of them, one case after the
// other (no contents, no trailer). The last column says how many bytes a case takes, or "refused". Bytes of strings
// that are not printable ASCII, and `\`, `;` and `=`, are written \xNN. Xattrs are name=value, each followed by `;`.
package main

import (
	"archive/tar"
	"bytes"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"time"
)

type goldens struct {
	table, blocks bytes.Buffer
}

func escape(s string) string {
	var out strings.Builder
	for i := 0; i < len(s); i++ {
		if c := s[i]; c <= ' ' || c > '~' || c == '\\' || c == ';' || c == '=' {
			fmt.Fprintf(&out, "\\x%02x", c)
		} else {
			out.WriteByte(c)
		}
	}
	return out.String()
}

func xattrs(h *tar.Header) string {
	var pairs []string
	for key, value := range h.PAXRecords {
		pairs = append(pairs, escape(strings.TrimPrefix(key, "SCHILY.xattr."))+"="+escape(value)+";")
	}
	sort.Strings(pairs)
	return strings.Join(pairs, "")
}

func (g *goldens) add(name string, h tar.Header) {
	var out bytes.Buffer
	length := "refused"
	if err := tar.NewWriter(&out).WriteHeader(&h); err == nil {
		length = fmt.Sprint(out.Len())
		g.blocks.Write(out.Bytes())
	}
	fmt.Fprintf(&g.table, "%s\t%c\t%s\t%s\t%o\t%d\t%d\t%d\t%d\t%d\t%d\t%s\t%s\n", name, h.Typeflag, escape(h.Name),
		escape(h.Linkname), h.Mode, h.Uid, h.Gid, h.Size, h.ModTime.Unix(), h.Devmajor, h.Devminor, xattrs(&h), length)
}

func at(seconds int64) time.Time { return time.Unix(seconds, 0) }

func file(name string) tar.Header {
	return tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0644, Size: 5, ModTime: at(1500000000)}
}

func directory(name string) tar.Header {
	return tar.Header{Typeflag: tar.TypeDir, Name: name, Mode: 0755, ModTime: at(1500000000)}
}

func link(flag byte, name, target string) tar.Header {
	return tar.Header{Typeflag: flag, Name: name, Linkname: target, Mode: 0777, ModTime: at(1500000000)}
}

func device(flag byte, major, minor int64) tar.Header {
	return tar.Header{Typeflag: flag, Name: "dev/node", Mode: 0660, Devmajor: major, Devminor: minor, ModTime: at(0)}
}

func with(h tar.Header, change func(*tar.Header)) tar.Header {
	change(&h)
	return h
}

func xattr(name, value string) func(*tar.Header) {
	return func(h *tar.Header) {
		if h.PAXRecords == nil {
			h.PAXRecords = map[string]string{}
		}
		h.PAXRecords["SCHILY.xattr."+name] = value
	}
}

// A path of `length` bytes out of components of `component` bytes, without a slash at its end.
func path(length, component int) string {
	whole := strings.Repeat(strings.Repeat("n", component)+"/", length/(component+1)+1)[:length]
	return whole[:length-1] + strings.Replace(whole[length-1:], "/", "z", 1)
}

func (g *goldens) types() {
	g.add("file", file("etc/passwd"))
	g.add("empty file", with(file(".wh.gone"), func(h *tar.Header) { h.Mode, h.Size, h.ModTime = 0, 0, at(0) }))
	g.add("directory", directory("etc/"))
	g.add("directory without slash", directory("etc"))
	g.add("directory sticky", with(directory("tmp/"), func(h *tar.Header) { h.Mode = 01777 }))
	g.add("setuid", with(file("bin/su"), func(h *tar.Header) { h.Mode = 04755 }))
	g.add("setgid", with(file("bin/wall"), func(h *tar.Header) { h.Mode = 02755 }))
	g.add("hardlink", link(tar.TypeLink, "bin/b", "bin/a"))
	g.add("symlink", link(tar.TypeSymlink, "bin/sh", "busybox"))
	g.add("fifo", tar.Header{Typeflag: tar.TypeFifo, Name: "run/pipe", Mode: 0600, ModTime: at(1)})
	for _, number := range []int64{0, 4095, 2097151} {
		g.add(fmt.Sprintf("character device %d", number), device(tar.TypeChar, number, number))
		g.add(fmt.Sprintf("block device %d", number), device(tar.TypeBlock, 8, number))
	}
	g.add("hardlink with slash", link(tar.TypeLink, "bin/b/", "bin/a/"))
	g.add("file with slash", file("bin/a/"))
	g.add("fifo with slash", tar.Header{Typeflag: tar.TypeFifo, Name: "run/pipe/", Mode: 0600, ModTime: at(1)})
}

func (g *goldens) names() {
	for _, length := range []int{99, 100, 101, 155, 156, 157, 255, 256, 257, 4000} {
		g.add(fmt.Sprintf("name %d flat", length), file(strings.Repeat("f", length)))
		g.add(fmt.Sprintf("hardlink target %d", length), link(tar.TypeLink, "l", path(length, 9)))
		g.add(fmt.Sprintf("symlink target %d", length), link(tar.TypeSymlink, "l", path(length, 9)))
		for _, component := range []int{9, 99, 100, 155} {
			if component < length && length < 4000 {
				g.add(fmt.Sprintf("name %d by %d", length, component), file(path(length, component)))
				g.add(fmt.Sprintf("directory %d by %d", length, component), directory(path(length-1, component)+"/"))
			}
		}
	}
	g.add("name 4000 by 9", file(path(4000, 9)))
	g.add("directory 4000 by 99", directory(path(3999, 99)+"/"))
	// Names whose cut, cleaning or splitting is special.
	long := strings.Repeat("x", 101)
	for _, name := range []string{
		"/" + long, "//" + long, "./" + long, "../" + long, "a/../" + long, "a/../../" + long, "/../" + long,
		"a//" + long, "a/./" + long, "a/" + long + "/..", long + "/.", long + "/x",
		strings.Repeat("s", 99) + "/" + long, strings.Repeat("s", 98) + "//" + long, strings.Repeat("s", 155) + "/e",
		strings.Repeat("s", 155) + "/" + strings.Repeat("e", 100), strings.Repeat("s", 156) + "/e",
		strings.Repeat("s", 155) + "/" + strings.Repeat("e", 101), strings.Repeat("/", 99) + long,
		"a/" + strings.Repeat("../", 40) + "b", strings.Repeat("../", 40) + "b", strings.Repeat("/", 120) + "b",
	} {
		g.add("odd name", file(name))
		g.add("odd directory", directory(name+"/"))
	}
	for _, name := range []string{
		"zürich", "目录/文件", "a/é/b", "\xff", "a\xffb/\xfe\xfd", "\xc0\x80", "\xed\xa0\x80x", "é", "é/é", "\xe2A\xe2\x82B",
		strings.Repeat("é", 60), "dir/" + strings.Repeat("目", 100), strings.Repeat("d/", 80) + "é", "tab\tline\nbreak\x7f",
		"PaxHeaders.0/é", "é/PaxHeaders.0", "...é", "é..",
	} {
		g.add("bytes name", file(name))
		g.add("bytes directory", directory(name+"/"))
		g.add("bytes target", link(tar.TypeSymlink, "l", name))
	}
	g.add("root", directory("/"))
	g.add("dot", directory("./"))
	g.add("NUL in name", file("a\x00b"))
	g.add("NUL in target", link(tar.TypeSymlink, "l", "a\x00b"))
}

func (g *goldens) numbers() {
	for _, id := range []int{0, 1000, 1<<21 - 1, 1 << 21, 1 << 31, 1<<63 - 1} {
		g.add(fmt.Sprintf("uid %d", id), with(file("f"), func(h *tar.Header) { h.Uid = id }))
		g.add(fmt.Sprintf("gid %d", id), with(file("f"), func(h *tar.Header) { h.Gid = id }))
	}
	for _, seconds := range []int64{
		0, 1, -1, -2, -86400, -62135596799, -62135596800, -62135596801, 1<<33 - 1, 1 << 33, 1<<33 + 1, 1 << 40, -1 << 40,
		1<<62 - 1, 253402300800,
	} {
		g.add(fmt.Sprintf("mtime %d", seconds), with(file("f"), func(h *tar.Header) { h.ModTime = at(seconds) }))
	}
	for _, size := range []int64{0, 1, 511, 512, 1<<33 - 1, 1 << 33, 10 << 30, 1 << 40, 1<<63 - 1} {
		g.add(fmt.Sprintf("size %d", size), with(file("f"), func(h *tar.Header) { h.Size = size }))
	}
	g.add("everything at once", with(file(path(300, 9)+"é"), func(h *tar.Header) {
		h.Uid, h.Gid, h.Size, h.ModTime = 1<<22, 1<<31, 1<<34, at(-5)
		xattr("user.a", "b")(h)
	}))
	g.add("name that splits and a large uid", with(file(path(150, 9)), func(h *tar.Header) { h.Uid = 1 << 21 }))
}

func (g *goldens) attributes() {
	capability := "\x01\x00\x00\x02\x00\x20\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
	add := func(name string, changes ...func(*tar.Header)) {
		h := file("bin/ping")
		for _, change := range changes {
			change(&h)
		}
		g.add(name, h)
	}
	add("capability", xattr("security.capability", capability))
	add("user attribute", xattr("user.comment", "hello"))
	add("empty attribute", xattr("user.empty", ""))
	add("several attributes", xattr("user.b", "2"), xattr("user.a", "1"), xattr("security.capability", capability),
		xattr("user.Z", "3"), xattr("user.\xff", "4"))
	add("attribute with newline and equals", xattr("user.text", "a=b\nc=d\n"))
	add("attribute with a NUL in its name", xattr("user.a\x00b", "1"))
	add("attribute with equals in its name", xattr("user.a=b", "1"))
	add("attribute and uid", xattr("user.a", "1"), func(h *tar.Header) { h.Uid = 1 << 21 })
	// The length of a record counts its own digits: around 10, 100, 1000 it takes a second look.
	prefix := len("  SCHILY.xattr.user.n=\n")
	for _, length := range []int{96, 97, 98, 99, 100, 101, 996, 997, 998, 999, 1000, 1001} {
		if length > prefix+1 {
			add(fmt.Sprintf("record of about %d", length), xattr("user.n", strings.Repeat("v", length-prefix)))
		}
	}
	add("attribute on a long name", xattr("user.a", "1"), func(h *tar.Header) { h.Name = path(150, 9) })
	h := directory("var/lib/")
	xattr("user.d", "x")(&h)
	g.add("attribute of a directory", h)
}

func main() {
	if len(os.Args) != 2 {
		log.Fatal("usage: go run main.go DIRECTORY")
	}
	var g goldens
	g.types()
	g.names()
	g.numbers()
	g.attributes()
	for name, content := range map[string][]byte{"headers.tsv": g.table.Bytes(), "headers.tar": g.blocks.Bytes()} {
		if err := os.WriteFile(filepath.Join(os.Args[1], name), content, 0644); err != nil {
			log.Fatal(err)
		}
	}
}
