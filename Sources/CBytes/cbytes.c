// All of it is in the header, so that it becomes part of who calls it.

#include "cbytes.h"
