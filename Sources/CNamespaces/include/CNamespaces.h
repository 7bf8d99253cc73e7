#ifndef CNAMESPACES_H
#define CNAMESPACES_H

#include "cns_conntrack.h"
#include "cns_netlink.h"
#include "cns_nftables.h"
#include "cns_numbers.h"
#include "cns_plan.h"
#include "cns_relay.h"
#include "cns_seccomp.h"
#include "cns_spawn.h"

#endif
