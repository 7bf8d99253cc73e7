#ifndef CNAMESPACES_H
#define CNAMESPACES_H

#include "cns_seccomp.h"

#endif
