// UTF-8 validation as fast as the CPU allows, chosen at run time.
#pragma once
#include <stddef.h>
#include <stdint.h>
