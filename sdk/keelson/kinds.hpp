// kinds: the API's types as plain structs, made by tools/kindc from sdk/kinds. Namespaces are package and version
// (keelson::core_v1, keelson::apps_v1); kinds have a short name too (keelson::Pod, keelson::Deployment).
//
// Members have the names of the JSON fields; `metadata` is `meta`, C++ keywords get a trailing underscore (template_,
// namespace_). Optional scalars are std::optional, optional structs Box; times and RawJson know themselves when they are
// unset. decode<T>() and encode<T>() are in keelson/codec.hpp.
// Other packages: keelson/kinds/<package>_<version>.hpp (batch, events, networking, storage, node, scheduling, certificates ...).
#pragma once
#include <keelson/kinds/apps_v1.hpp>
#include <keelson/kinds/autoscaling_v1.hpp>
#include <keelson/kinds/authentication_v1.hpp>
#include <keelson/kinds/coordination_v1.hpp>
#include <keelson/kinds/core_v1.hpp>
#include <keelson/kinds/discovery_v1.hpp>
#include <keelson/kinds/meta_v1.hpp>
#include <keelson/kinds/policy_v1.hpp>
#include <keelson/kinds/rbac_v1.hpp>
