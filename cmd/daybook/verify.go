package main

import (
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/daybookhq/daybook/events/trail"
)

func newVerifyCmd() *cobra.Command {
	var publicKey, from string
	var checkpoints []string
	var noIndex bool
	cmd := &cobra.Command{
		Use:   "verify [FILE…]",
		Short: "Prove that the trail is what was recorded, or name the first position that is not",
		Long: `Verify reads every stored byte again, recomputes the whole Merkle tree, and holds
everything against it: tiles, every checkpoint that was ever signed, the head,
the columns beside the bytes, the indexes. It opens the database for reading only,
also beside a running server, and takes all processors but little memory.

Give it checkpoints that were kept elsewhere, and it proves besides that nothing
up to them was cut off or rewritten since. It names the first bad position, and
says what it proved, who could have cheated it, and what it cannot prove.

Given files, it checks each of them instead, away from the trail and without a
network, with nothing but the log's first public key: saved checkpoints,
proof files of daybook prove, and bundles of daybook export.

The exit code is 3 when something does not fit, 1 when that cannot be told.`,
		Example: `  daybook verify
  daybook verify --public-key log.pub --checkpoint last-month.txt --checkpoint saved/
  daybook verify --from 1000000 --no-index
  daybook verify --public-key 'daybook.example/3f9a+1f2e3d4c+AX…' last-month.txt event-42.tlog-proof inc-7.daybook
  daybook verify --json`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, files []string) (err error) {
			if publicKey, err = publicKeyOf(publicKey); err != nil {
				return err
			}
			if len(files) > 0 {
				if len(checkpoints) > 0 || from != "" || noIndex {
					return usagef("--checkpoint, --from and --no-index are about a trail; a FILE is checked by itself")
				}
				return verifyFiles(cmd, files, publicKey)
			}
			vo := trail.VerifyOptions{PublicKey: publicKey, NoIndex: noIndex}
			if from != "" {
				vo.From, err = strconv.ParseInt(strings.TrimPrefix(from, "#"), 10, 64)
				if err != nil || vo.From < 0 {
					return usagef("--from: %q is no position; positions are 0, 1, 2 …", from)
				}
			}
			if vo.Elsewhere, err = savedElsewhere(checkpoints); err != nil {
				return err
			}
			return verifyTrail(cmd, settingsOf(cmd), vo)
		},
	}
	f := cmd.Flags()
	f.StringVar(&publicKey, "public-key", "", "the log's first public key as you know it, or a file that holds it; for a trail, default that of the signing key, else the trail's own")
	f.StringArrayVar(&checkpoints, "checkpoint", nil, "file, or directory of files, with signed checkpoints that were kept elsewhere (repeatable)")
	f.StringVar(&from, "from", "", "position to begin at; of the events before it only the hashes that the tree is built on are used")
	f.String("rotations", "", "for a FILE of checkpoints: file with what daybook keys --rotations printed; other files and the trail carry it themselves")
	f.BoolVar(&noIndex, "no-index", false, "leave out columns and indexes, which are not sealed: twice as fast or more")
	return cmd
}
