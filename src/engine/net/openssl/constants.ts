/** Numbers of OpenSSL 3's interface, from its public headers. */

export const SSL_ERROR_SSL = 1
export const SSL_ERROR_WANT_READ = 2
export const SSL_ERROR_ZERO_RETURN = 6

export const BIO_C_SET_BUF_MEM = 114
export const BIO_NOCLOSE = 0
export const BIO_FLAGS_MEM_RDONLY = 0x200

export const SSL_VERIFY_NONE = 0
export const SSL_VERIFY_PEER = 1

export const SSL_TLSEXT_ERR_OK = 0
export const SSL_TLSEXT_ERR_ALERT_FATAL = 2
export const SSL_TLSEXT_ERR_NOACK = 3

export const SSL_CTRL_MODE = 33
export const SSL_CTRL_SET_SESS_CACHE_SIZE = 42
export const SSL_CTRL_SET_SESS_CACHE_MODE = 44
export const SSL_CTRL_SET_MAX_SEND_FRAGMENT = 52
export const SSL_CTRL_SET_TLSEXT_HOSTNAME = 55
export const SSL_CTRL_SET_TLSEXT_STATUS_REQ_CB = 63
export const SSL_CTRL_SET_TLSEXT_STATUS_REQ_OCSP_RESP = 71
export const SSL_CTRL_SET_TLSEXT_TICKET_KEY_CB = 72
export const SSL_CTRL_CHAIN_CERT = 89
export const SSL_CTRL_SET_GROUPS_LIST = 92
export const SSL_CTRL_SET_MIN_PROTO_VERSION = 123
export const SSL_CTRL_SET_MAX_PROTO_VERSION = 124
export const SSL_CTRL_GET_NEGOTIATED_GROUP = 134

export const TLSEXT_NAMETYPE_host_name = 0

/** What is written may lie elsewhere when it is tried again; buffers of idle connections are given back. */
export const SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER = 0x02
export const SSL_MODE_NO_AUTO_CHAIN = 0x08
export const SSL_MODE_RELEASE_BUFFERS = 0x10

export const SSL_SESS_CACHE_OFF = 0x000
export const SSL_SESS_CACHE_CLIENT = 0x001
export const SSL_SESS_CACHE_SERVER = 0x002
export const SSL_SESS_CACHE_NO_AUTO_CLEAR = 0x080
export const SSL_SESS_CACHE_NO_INTERNAL_STORE = 0x200
export const SSL_SESS_CACHE_NO_INTERNAL = 0x300

export const SSL_OP_NO_ANTI_REPLAY: number = 2 ** 24
export const SSL_OP_CIPHER_SERVER_PREFERENCE: number = 2 ** 22
export const SSL_OP_NO_TICKET: number = 2 ** 14
export const SSL_OP_NO_COMPRESSION: number = 2 ** 17
export const SSL_OP_NO_RENEGOTIATION: number = 2 ** 30
export const SSL_OP_NO_TLSv1: number = 2 ** 26
export const SSL_OP_NO_TLSv1_1: number = 2 ** 28
export const SSL_OP_NO_TLSv1_2: number = 2 ** 27
export const SSL_OP_NO_TLSv1_3: number = 2 ** 29

export const SSL_CONF_FLAG_FILE = 0x2
export const SSL_CONF_FLAG_CLIENT = 0x4
export const SSL_CONF_FLAG_SERVER = 0x8
export const SSL_CONF_FLAG_SHOW_ERRORS = 0x10
export const SSL_CONF_FLAG_CERTIFICATE = 0x20
export const SSL_CONF_TYPE_UNKNOWN = 0
export const SSL_CONF_TYPE_FILE = 2
export const SSL_CONF_TYPE_DIR = 3

export const X509_V_OK = 0
export const X509_V_ERR_CERT_CHAIN_TOO_LONG = 22
export const X509_V_FLAG_CRL_CHECK = 0x4
export const X509_V_FLAG_CRL_CHECK_ALL = 0x8

/** RFC 2253: `XN_FLAG_RFC2253`. */
export const XN_FLAG_RFC2253: number = 0x1110317

export const SSL_READ_EARLY_DATA_ERROR = 0
export const SSL_READ_EARLY_DATA_SUCCESS = 1
export const SSL_READ_EARLY_DATA_FINISH = 2
export const SSL_EARLY_DATA_ACCEPTED = 2
