// Which addresses are everybody's, and which are this machine's or its network's.

import { BlockList, isIPv4 } from 'node:net';

/**
 * Special-purpose IPv4 addresses (RFC 6890 and the IANA registries it set up).
 *
 * @type {[string, number][]}
 */
const SPECIAL_V4 = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  // Shared by a provider's customers (RFC 6598).
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  // The abandoned 6to4 relay.
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  // Benchmarks (RFC 2544).
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  // Multicast, reserved, broadcast.
  ['224.0.0.0', 3],
];

/**
 * Protocol assignments with Teredo and ORCHID, documentation.
 *
 * @type {[string, number][]}
 */
const SPECIAL_V6 = [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['3fff::', 20],
];

const special = new BlockList();
/**
 * All IPv6 that has been given out for global unicast, and NAT64 (RFC 6052), which
 * wraps IPv4.
 */
const given = new BlockList();
given.addSubnet('2000::', 3, 'ipv6');
given.addSubnet('64:ff9b::', 96, 'ipv6');
for (const [net, prefix] of SPECIAL_V6) special.addSubnet(net, prefix, 'ipv6');
for (const [net, prefix] of SPECIAL_V4) {
  special.addSubnet(net, prefix, 'ipv4');
  special.addSubnet(`64:ff9b::${net}`, 96 + prefix, 'ipv6');
  // 6to4 (RFC 3056).
  const [a, b, c, d] = net.split('.').map((part) => Number(part).toString(16).padStart(2, '0'));
  special.addSubnet(`2002:${a}${b}:${c}${d}::`, 16 + prefix, 'ipv6');
}

const MAPPED = new BlockList();
MAPPED.addSubnet('::ffff:0:0', 96, 'ipv6');

/**
 * Whether an address is reachable for everybody: none of the special-purpose
 * addresses, nor one of them wrapped in an IPv6 address.
 *
 * @param {string} address
 */
export function isPublic(address) {
  if (isIPv4(address)) return !special.check(address, 'ipv4');
  const plain = address.replace(/%.*/, '');
  // A list looks at an IPv4 address that is mapped into IPv6 as at the address itself.
  if (MAPPED.check(plain, 'ipv6')) return !special.check(plain, 'ipv6');
  return given.check(plain, 'ipv6') && !special.check(plain, 'ipv6');
}

/**
 * The host of a URL, where it is written as an address; none where it is a name.
 *
 * @param {URL} url
 */
export function literal({ hostname }) {
  if (hostname.startsWith('[')) return hostname.slice(1, -1);
  return isIPv4(hostname) ? hostname : undefined;
}

/**
 * Whether the URL's host is this machine by name or by address.
 *
 * @param {URL} url
 */
export function isLoopback(url) {
  const address = literal(url);
  if (address === undefined) return url.hostname === 'localhost';
  return address === '::1' || /^127\./.test(address);
}
