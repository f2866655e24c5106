/** Numbers of the Linux kernel's socket interface, the same on x64 and arm64. */

export const AF_UNIX = 1
export const AF_INET = 2
export const AF_INET6 = 10

export const SOCK_STREAM = 1
export const SOCK_DGRAM = 2
export const SOCK_SEQPACKET = 5
export const SOCK_NONBLOCK = 0x800
export const SOCK_CLOEXEC = 0x80000

export const SOL_SOCKET = 1
export const SO_REUSEADDR = 2
export const SO_ERROR = 4
export const SO_SNDBUF = 7
export const SO_RCVBUF = 8
export const SO_KEEPALIVE = 9
export const SO_LINGER = 13
export const SO_REUSEPORT = 15
export const SO_PEERCRED = 17

export const SOL_IP = 0
export const IP_TRANSPARENT = 19
export const IP_ORIGDSTADDR = 20
export const IP_BIND_ADDRESS_NO_PORT = 24
export const SO_ORIGINAL_DST = 80

export const SOL_IPV6 = 41
export const IPV6_V6ONLY = 26
export const IPV6_ORIGDSTADDR = 74
export const IPV6_TRANSPARENT = 75

export const SOL_TCP = 6
export const TCP_NODELAY = 1
export const TCP_KEEPIDLE = 4
export const TCP_KEEPINTVL = 5
export const TCP_KEEPCNT = 6
export const TCP_DEFER_ACCEPT = 9
export const TCP_INFO = 11
export const TCP_FASTOPEN = 23

export const SCM_RIGHTS = 1

export const MSG_TRUNC = 0x20
export const MSG_DONTWAIT = 0x40
export const MSG_NOSIGNAL = 0x4000
export const MSG_MORE = 0x8000
export const MSG_CTRUNC = 0x8
export const MSG_CMSG_CLOEXEC = 0x40000000

export const SHUT_WR = 1

export const EPOLL_CLOEXEC = 0x80000
export const EPOLL_CTL_ADD = 1
export const EPOLL_CTL_DEL = 2
export const EPOLL_CTL_MOD = 3
export const EPOLLIN = 0x1
export const EPOLLOUT = 0x4
export const EPOLLERR = 0x8
export const EPOLLHUP = 0x10

export const EINTR = 4
export const EAGAIN = 11
export const ENOMEM = 12
export const ENFILE = 23
export const EMFILE = 24
export const EPIPE = 32
export const EADDRINUSE = 98
export const ECONNABORTED = 103
export const ECONNRESET = 104
export const ENOBUFS = 105
export const ECONNREFUSED = 111
export const EINPROGRESS = 115

export const IP_PKTINFO = 8
export const IPV6_RECVPKTINFO = 49
export const IPV6_PKTINFO = 50
export const EPERM = 1
