// zlib's raw deflate, which permessage-deflate uses (RFC 7692 §7.2).
#pragma once
#include <zlib.h>
