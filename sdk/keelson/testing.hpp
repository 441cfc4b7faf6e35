// keelson/testing.hpp: a whole server in a test; link keelson::testing. Not part of sdk.hpp: plugins have no use for it.
#pragma once
#include <testing/cluster.hpp>
