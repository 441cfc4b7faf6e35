# What the core and the child that a plugin runs in say to each other. A call goes from the core to the child, while it
# runs the child may send requests on the same lane; both are answered there. Several calls may be sent ahead: they run
# one after the other. Fields that an operation does not need stay empty.
@0xd3c5a1f0b7e94c21;

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("keelson::plugins::wire");

struct Pair {
  name @0 :Text;
  value @1 :Text;
}

struct Object {
  revision @0 :UInt64;
  generation @1 :Int64;
  creationUnixS @2 :Int64;
  deletionUnixS @3 :Int64;
  deletionGraceS @4 :Int64;
  storageKey @5 :Text;
  ns @6 :Text;
  name @7 :Text;
  uid @8 :Text;
  controllerUid @9 :Text;
  labels @10 :List(Pair);
  fields @11 :List(Pair);
  finalizers @12 :List(Text);
  body @13 :Data;
  ownerCount @14 :UInt32;
}

struct Write {
  op @0 :UInt32;
  group @1 :Text;
  version @2 :Text;
  resource @3 :Text;
  ns @4 :Text;
  name @5 :Text;
  subresource @6 :Text;
  body @7 :Data;
  options @8 :Data;
}

# The child's first word: what it loaded, or why not.
struct Hello {
  name @0 :Text;
  version @1 :Text;
  minor @2 :UInt32;
  refusalReason @3 :Text;
  refusalMessage @4 :Text;
}

struct Call {
  op @0 :UInt16;
  id @1 :UInt64;
  deadlineNs @2 :Int64;
  index @3 :UInt32;
  second @4 :UInt32;
  what @5 :Int32;
  token @6 :UInt64;
  ns @7 :Text;
  name @8 :Text;
  data @9 :Data;
  object @10 :Object;
  before @11 :Object;
  texts @12 :List(Data);
  # Absent ones have no name.
  objects @13 :List(Object);
  # Where the child's thread is to run; -1: anywhere.
  processor @14 :Int16 = -1;
}

struct Request {
  op @0 :UInt16;
  call @1 :UInt64;
  number @2 :Int64;
  token @3 :UInt64;
  value @4 :Float64;
  text @5 :Data;
  more @6 :Data;
  third @7 :Data;
  writes @8 :List(Write);
  bounds @9 :List(Float64);
}

struct Answer {
  status @0 :Int32;
  number @1 :Int64;
  nextKind @2 :UInt32;
  nextDelayNs @3 :Int64;
  text @4 :Data;
  found @5 :Bool;
  object @6 :Object;
  objects @7 :List(Object);
  texts @8 :List(Text);
  # Further answers to the same request follow.
  goesOn @9 :Bool;
  # Of hooks.
  decision @10 :Int32;
  independent @11 :UInt64;
  error @12 :Data;
  body @13 :Data;
  writes @14 :List(Write);
  # How long the plugin's code ran.
  ranNs @15 :Int64;
}

struct Frame {
  union {
    hello @0 :Hello;
    call @1 :Call;
    request @2 :Request;
    answer @3 :Answer;
    # Calls that were sent and have not begun: they never will.
    givenBack @4 :List(UInt64);
  }
}
