// All actor interfaces on one sheet. There are three kinds of actor: a ROLE (one shell for every
// core), the PORT (one a node, owns its sockets), and the SUPERVISOR (one a node, starts roles and
// starts them again). What roles say to each other are topology messages inside parcels; the
// structs here are the few words between the actors of one process.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "actors/rt/protocol.hpp"
#include "kernels/base/clock.hpp"
#include "topology/wire/parcel.hpp"

namespace freshet::rt {
struct child_spec;  // actors/rt/supervisor.hpp
}

namespace freshet::actors {

/// PORT -> ROLE: decoded parcels that came in one round of the port, in order; `arrived` is when the
/// port had them. One mail and one acknowledgement for all of them: at a thousand bytes a message
/// those cost more than the message.
struct deliver {
  std::vector<topology::parcel> what;
  time_point arrived;
};
/// ROLE -> itself: one slice of heavy work, after the mailbox has been looked at.
struct work_more {};
/// Anyone -> itself, delayed. A stale generation is ignored.
struct timer {
  std::uint64_t generation = 0;
};
/// Stop in order: flush, then end.
struct stop {};
/// ROLE, PORT -> anyone: own figures as one JSON object.
struct get_stats {};

/// ROLE -> PORT: to be sent.
struct send_parcels {
  std::vector<topology::parcel> parcels;
};

using role_handle = rt::protocol<void(deliver), void(work_more), void(timer), void(stop), std::string(get_stats)>;

/// ROLE -> PORT: parcels for `role` of this node come to `handle` from now on. `waiting` counts
/// what was delivered and not yet handled, so that a mailbox has a bound.
struct register_role {
  std::string role;
  role_handle handle;
  std::shared_ptr<std::atomic<std::int64_t>> waiting;
};
/// NODE -> PORT: the role is gone for good; what still comes for it is counted as "no such role".
struct forget_role {
  std::string role;
};
/// NODE -> PORT: a peer that is reached at `endpoint`; replaces what was known of it.
struct connect_peer {
  std::string node;
  std::string endpoint;
  std::string server_key;   ///< 32 bytes: the link is encrypted for it; empty: plain
};

/// NODE -> PORT: do not dial this peer any more.
struct disconnect_peer {
  std::string node;
};

using port_handle = rt::protocol<void(send_parcels), void(register_role), void(forget_role), void(connect_peer),
                                 void(disconnect_peer), void(stop), std::string(get_stats)>;

/// NODE -> SUPERVISOR: stop all children in order; `at_once` kills what does not.
struct stop_children {
  bool at_once = false;
};
/// NODE -> SUPERVISOR: start this child too, or again under a name whose last child has ended.
struct add_child {
  std::shared_ptr<const rt::child_spec> spec;
};
/// NODE -> SUPERVISOR: stop the child of that name for good; `at_once` kills it.
struct end_child {
  std::string name;
  bool at_once = false;
};
/// SUPERVISOR -> itself: a back-off has passed.
struct restart_child {
  std::uint64_t index = 0;
};

/// get_stats is a sign of life: it is passed on to every child that runs, and answered at once.
using supervisor_handle = rt::protocol<void(stop_children), void(add_child), void(end_child), void(restart_child),
                                       std::string(get_stats)>;

}  // namespace freshet::actors

FRESHET_LOCAL_MESSAGE(freshet::actors::deliver)
FRESHET_LOCAL_MESSAGE(freshet::actors::work_more)
FRESHET_LOCAL_MESSAGE(freshet::actors::timer)
FRESHET_LOCAL_MESSAGE(freshet::actors::stop)
FRESHET_LOCAL_MESSAGE(freshet::actors::get_stats)
FRESHET_LOCAL_MESSAGE(freshet::actors::send_parcels)
FRESHET_LOCAL_MESSAGE(freshet::actors::register_role)
FRESHET_LOCAL_MESSAGE(freshet::actors::connect_peer)
FRESHET_LOCAL_MESSAGE(freshet::actors::stop_children)
FRESHET_LOCAL_MESSAGE(freshet::actors::restart_child)
FRESHET_LOCAL_MESSAGE(freshet::actors::forget_role)
FRESHET_LOCAL_MESSAGE(freshet::actors::disconnect_peer)
FRESHET_LOCAL_MESSAGE(freshet::actors::add_child)
FRESHET_LOCAL_MESSAGE(freshet::actors::end_child)

// One block of type numbers for the whole engine; append only.
CAF_BEGIN_TYPE_ID_BLOCK(freshet, first_custom_type_id)
CAF_ADD_TYPE_ID(freshet, (freshet::actors::deliver))
CAF_ADD_TYPE_ID(freshet, (freshet::actors::work_more))
CAF_ADD_TYPE_ID(freshet, (freshet::actors::timer))
CAF_ADD_TYPE_ID(freshet, (freshet::actors::stop))
CAF_ADD_TYPE_ID(freshet, (freshet::actors::get_stats))
CAF_ADD_TYPE_ID(freshet, (freshet::actors::send_parcels))
CAF_ADD_TYPE_ID(freshet, (freshet::actors::register_role))
CAF_ADD_TYPE_ID(freshet, (freshet::actors::connect_peer))
CAF_ADD_TYPE_ID(freshet, (freshet::actors::stop_children))
CAF_ADD_TYPE_ID(freshet, (freshet::actors::restart_child))
CAF_ADD_TYPE_ID(freshet, (freshet::actors::forget_role))
CAF_ADD_TYPE_ID(freshet, (freshet::actors::disconnect_peer))
CAF_ADD_TYPE_ID(freshet, (freshet::actors::add_child))
CAF_ADD_TYPE_ID(freshet, (freshet::actors::end_child))
CAF_END_TYPE_ID_BLOCK(freshet)
