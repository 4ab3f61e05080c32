// SPDX-License-Identifier: Apache-2.0
#pragma once
// Mirrors of the places that software comes from: which are to be asked, and which are taken.

#include <bringup/goal/goal.hpp>

namespace bringup::resolve {

// The mirrors of `places` that the goal allows, each under the name of what it stands in for ("nvidia",
// "pypi", "pytorch") and with its own address: all profiles for "auto", those of one profile, or the goal's
// own.
std::vector<facts::Source> mirrors_of(const std::vector<facts::Source>& places, const goal::Goal& goal,
                                      const catalog::Catalog& catalog);

// Where the archive of the source "distro" begins, and where the same mirror has its security updates; "" for
// none that is known.
std::string archive_of(const facts::Source& distro);
std::string security_mirror(const facts::Source& distro, const goal::Goal& goal,
                            const catalog::Catalog& catalog);

// One source for each place, in the order of `places`: the mirror that was asked for when it answers, with
// "auto" whichever answers first, the place itself included; else the place itself. An aid of pip's only for
// wheels is no mirror of an index. Behind them stand the other ways to a place that is mirrored which
// answered: the place itself first, then the fastest.
std::vector<facts::Source> settled(std::vector<facts::Source> places,
                                   const std::vector<facts::Source>& mirrors, const goal::Goal& goal);
// Of a goal that names its mirrors: those that did not answer, where no other stands in for their place. They
// are no way to it, and are kept to be told.
std::vector<facts::Source> silent_mirrors(const std::vector<facts::Source>& taken,
                                          const std::vector<facts::Source>& mirrors, const goal::Goal& goal);

}  // namespace bringup::resolve
