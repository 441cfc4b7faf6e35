// keelson/sdk.hpp: all that a plugin author includes. A kind, a reconciler, KEELSON_PLUGIN: that is a plugin.
//
//   KEELSON_PLUGIN("website", "0.1.0", setup) {
//     setup.kind<Website>({.scope = keelson::Namespaced, .short_names = {"site"}});
//     setup.controller<Website>(std::make_unique<WebsiteReconciler>(setup)).owns<keelson::Deployment>().workers(2);
//   }
//
// The border below is C (sdk/abi/keelson_plugin.h); nothing of these types crosses it. Queues, caches, watches, timers and
// threads are the host's; a plugin owns logic and keeps no mutable statics.
#pragma once
#include <keelson/context.hpp>
#include <keelson/described.hpp>
#include <keelson/kinds.hpp>
#include <keelson/object.hpp>
#include <keelson/plugin.hpp>
#include <keelson/result.hpp>
