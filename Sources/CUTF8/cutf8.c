#include "cutf8.h"
