// OpenSSL's TLS, and as functions what it offers as macros only.
#pragma once
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

static inline int openssl_set_minimum_version(SSL_CTX *context, int version) {
  return SSL_CTX_set_min_proto_version(context, version);
}

static inline int openssl_set_groups(SSL_CTX *context, const char *groups) {
  return SSL_CTX_set1_groups_list(context, groups);
}

static inline void openssl_set_mode(SSL_CTX *context, long mode) {
  SSL_CTX_set_mode(context, mode);
}

// No renegotiation, no compression; the server's order of ciphers, except that a client without AES
// in hardware, which lists ChaCha20 first, gets that.
static inline void openssl_set_server_options(SSL_CTX *context) {
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                   SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
}

static inline void openssl_disable_session_cache(SSL_CTX *context) {
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
}

static inline int openssl_use_chain(SSL_CTX *context, OPENSSL_STACK *chain) {
  return SSL_CTX_set1_chain(context, (STACK_OF(X509) *)chain);
}

static inline void openssl_ask_for_host(SSL *connection, const char *name) {
  SSL_set_tlsext_host_name(connection, name);
}

static inline void openssl_read_again_later(BIO *bio) {
  BIO_clear_retry_flags(bio);
  BIO_set_retry_read(bio);
}
