/* SPDX-License-Identifier: Apache-2.0 */
#include "common/obs/turn_away.h"

#include "common/base/log.h"

#include <errno.h>
#include <linux/filter.h>
#include <string.h>
#include <sys/socket.h>

enum
{
    FLAGS_OF_TCP = 13, /* their offset in its header */
    FLAG_SYN = 0x02,
    FLAG_ACK = 0x10
};

/* Handshakes that have begun go on: only a SYN without other flags is dropped. */
void turn_away(int fd)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, FLAGS_OF_TCP),
        BPF_STMT(BPF_ALU | BPF_AND | BPF_K, FLAG_SYN | FLAG_ACK),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, FLAG_SYN, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, 0),
        BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
    };
    const struct sock_fprog filter = {.len = sizeof code / sizeof code[0], .filter = code};
    if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter) != 0)
        log_debug("http", "the kernel does not turn newcomers away: %s", strerror(errno));
}
