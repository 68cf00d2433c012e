import type {
  SeedCache,
  SeedDatabase,
  SeedDatabaseProxy,
  SeedSearchDomain,
  SeedSecret,
} from '../seed-shapes.ts';
import { GROUP, SUBNET, VPC } from './seed-network.ts';

const HASH = 'c1x2y3z4abcd';
const ZONE = `${HASH}.eu-west-1.rds.amazonaws.com`;
const ORDERS_HOST = `orders-db.${ZONE}`;
const BILLING_HOST = `billing-db.${ZONE}`;
const ORDERS_PASSWORD = 'orders-sandbox-only';
const BILLING_PASSWORD = 'billing-sandbox-only';
const CATALOG_PASSWORD = 'catalog-sandbox-only';
const CATALOG_SECRET = 'rds!cluster-5d0c6f7a-3c57-4a52-9d8e-3f9f2f6a1b10';
const ORDERS_SECRET = 'demo/orders-db';
const ANALYTICS_PASSWORD = 'analytics-sandbox-only';
const ANALYTICS_SECRET = 'redshift!analytics-awsuser';
const SEARCH_LOGIN = { username: 'search', password: 'search-sandbox-only' };

/** The value that the containers of `orders-api` have in their environment. */
export const ORDERS_DATABASE_URL = `postgresql://orders:${ORDERS_PASSWORD}@${ORDERS_HOST}:5432/orders`;
export const BILLING_DATABASE_URL = `postgresql://billing:${BILLING_PASSWORD}@${BILLING_HOST}:5432/billing`;

const ORDERS_SQL = `
CREATE TABLE customers (
  id integer PRIMARY KEY,
  name text NOT NULL,
  email text NOT NULL UNIQUE,
  city text NOT NULL,
  created_at timestamptz NOT NULL
);
CREATE TABLE orders (
  id integer PRIMARY KEY,
  customer_id integer NOT NULL REFERENCES customers,
  status text NOT NULL CHECK (status IN ('new', 'paid', 'shipped', 'stuck')),
  total_cents integer NOT NULL CHECK (total_cents > 0),
  placed_at timestamptz NOT NULL
);
CREATE INDEX orders_by_status ON orders (status);
INSERT INTO customers VALUES
  (1, 'Ada Lovelace', 'ada@example.com', 'London', '2026-01-03T09:12:00Z'),
  (2, 'Grace Hopper', 'grace@example.com', 'New York', '2026-02-11T14:30:00Z'),
  (3, 'Edsger Dijkstra', 'edsger@example.com', 'Rotterdam', '2026-03-05T08:00:00Z'),
  (4, 'Barbara Liskov', 'barbara@example.com', 'Boston', '2026-04-21T16:45:00Z'),
  (5, 'Tony Hoare', 'tony@example.com', 'Oxford', '2026-05-30T11:05:00Z');
INSERT INTO orders
  SELECT n,
         1 + (n * 7) % 5,
         (ARRAY['paid', 'shipped', 'shipped', 'new', 'paid', 'shipped', 'stuck'])[1 + n % 7],
         990 + (n * 7919) % 24000,
         '2026-11-01T00:00:00Z'::timestamptz + n * interval '37 minutes'
  FROM generate_series(1, 420) AS n;
`;

const BILLING_SQL = `
CREATE TABLE invoices (
  id integer PRIMARY KEY,
  order_id integer NOT NULL,
  amount_cents integer NOT NULL,
  state text NOT NULL CHECK (state IN ('open', 'sent', 'settled', 'failed')),
  due_on date NOT NULL
);
CREATE TABLE jobs (
  id bigint PRIMARY KEY,
  queue text NOT NULL,
  attempts integer NOT NULL DEFAULT 0,
  last_error text,
  locked_by text
);
INSERT INTO invoices
  SELECT n, n, 990 + (n * 7919) % 24000,
         (ARRAY['settled', 'settled', 'sent', 'open', 'failed'])[1 + n % 5],
         '2026-11-15'::date + n % 30
  FROM generate_series(1, 120) AS n;
INSERT INTO jobs VALUES
  (9001, 'invoices', 0, NULL, NULL),
  (9002, 'invoices', 5, 'smtp: connection timed out', 'billing-worker-1'),
  (9003, 'dunning', 1, NULL, NULL);
`;

const CATALOG_SQL = `
CREATE TABLE products (
  id integer PRIMARY KEY,
  title text NOT NULL,
  price_cents integer NOT NULL
);
INSERT INTO products
  SELECT n, 'product ' || n, 490 + (n * 7919) % 9000 FROM generate_series(1, 60) AS n;
`;

const ANALYTICS_SQL = `
CREATE TABLE sales (
  day date PRIMARY KEY,
  orders integer NOT NULL,
  revenue_cents bigint NOT NULL
);
INSERT INTO sales
  SELECT '2026-08-01'::date + n, 100 + (n * 37) % 80, 100000 + (n * 7919) % 90000 FROM generate_series(1, 90) AS n;
`;

export const SEED_DATABASES: readonly SeedDatabase[] = [
  {
    id: 'orders-db',
    engine: 'postgres',
    engineVersion: '18.6',
    host: ORDERS_HOST,
    port: 5432,
    privateIp: '10.0.201.10',
    databaseName: 'orders',
    masterUsername: 'orders',
    masterPassword: ORDERS_PASSWORD,
    vpcId: VPC.main,
    subnetIds: [SUBNET.mainDataA, SUBNET.mainDataB],
    securityGroupIds: [GROUP.ordersDb],
    iamAuthentication: true,
    iamUsers: ['orders_app'],
    sql: ORDERS_SQL,
  },
  {
    id: 'billing-db',
    engine: 'postgres',
    engineVersion: '18.6',
    host: BILLING_HOST,
    port: 5432,
    privateIp: '10.0.202.20',
    databaseName: 'billing',
    masterUsername: 'billing',
    masterPassword: BILLING_PASSWORD,
    vpcId: VPC.main,
    subnetIds: [SUBNET.mainDataA, SUBNET.mainDataB],
    securityGroupIds: [GROUP.billingDb],
    iamAuthentication: false,
    sql: BILLING_SQL,
  },
  {
    id: 'catalog-db',
    engine: 'aurora-postgresql',
    engineVersion: '17.5',
    host: `catalog-db.cluster-${ZONE}`,
    port: 5432,
    privateIp: '10.0.201.30',
    databaseName: 'catalog',
    masterUsername: 'catalog',
    masterPassword: CATALOG_PASSWORD,
    masterSecretName: CATALOG_SECRET,
    vpcId: VPC.main,
    subnetIds: [SUBNET.mainDataA, SUBNET.mainDataB],
    securityGroupIds: [GROUP.ordersDb],
    iamAuthentication: true,
    iamUsers: ['catalog_app'],
    sql: CATALOG_SQL,
    readers: [{ id: 'catalog-db-reader-1', privateIp: '10.0.202.31' }],
    customEndpoints: [{ id: 'catalog-reports', type: 'READER', members: ['catalog-db-reader-1'] }],
  },
  {
    id: 'analytics',
    redshift: 'cluster',
    engine: 'redshift',
    engineVersion: '1.0',
    host: `analytics.${HASH}.eu-west-1.redshift.amazonaws.com`,
    port: 5439,
    privateIp: '10.0.201.60',
    databaseName: 'dev',
    masterUsername: 'awsuser',
    masterPassword: ANALYTICS_PASSWORD,
    masterSecretName: ANALYTICS_SECRET,
    vpcId: VPC.main,
    subnetIds: [SUBNET.mainDataA, SUBNET.mainDataB],
    securityGroupIds: [GROUP.analytics],
    iamAuthentication: false,
    sql: ANALYTICS_SQL,
  },
];

export const SEED_PROXIES: readonly SeedDatabaseProxy[] = [
  {
    name: 'orders-proxy',
    databaseId: 'orders-db',
    host: `orders-proxy.proxy-${ZONE}`,
    privateIp: '10.0.201.40',
    vpcId: VPC.main,
    subnetIds: [SUBNET.mainDataA, SUBNET.mainDataB],
    securityGroupIds: [GROUP.ordersDb],
    iamAuthentication: 'DISABLED',
    requireTls: false,
    secretName: ORDERS_SECRET,
    endpoints: [
      {
        name: 'orders-proxy-read',
        host: `orders-proxy-read.endpoint.proxy-${ZONE}`,
        privateIp: '10.0.202.41',
        role: 'READ_ONLY',
      },
    ],
  },
];

export const SEED_CACHES: readonly SeedCache[] = [
  {
    service: 'elasticache',
    kind: 'replication-group',
    id: 'sessions-cache',
    engine: 'valkey',
    engineVersion: '8.1',
    host: 'master.sessions-cache.a1b2c3.euw1.cache.amazonaws.com',
    readerHost: 'replica.sessions-cache.a1b2c3.euw1.cache.amazonaws.com',
    port: 6379,
    privateIp: '10.0.201.50',
    clusterMode: false,
    replicas: 1,
    tls: false,
    vpcId: VPC.main,
    subnetIds: [SUBNET.mainDataA, SUBNET.mainDataB],
    securityGroupIds: [GROUP.caches],
  },
  {
    service: 'memorydb',
    kind: 'cluster',
    id: 'flags',
    engine: 'valkey',
    engineVersion: '7.3',
    host: 'clustercfg.flags.a1b2c3.memorydb.eu-west-1.amazonaws.com',
    port: 6379,
    privateIp: '10.0.202.51',
    clusterMode: true,
    tls: false,
    vpcId: VPC.main,
    subnetIds: [SUBNET.mainDataA, SUBNET.mainDataB],
    securityGroupIds: [GROUP.caches],
  },
];

export const SEED_SEARCH_DOMAINS: readonly SeedSearchDomain[] = [
  {
    name: 'logs-search',
    engineVersion: 'OpenSearch_2.19',
    host: 'vpc-logs-search-c1x2y3z4abcdefghijklmnopqr.eu-west-1.es.amazonaws.com',
    privateIp: '10.0.202.61',
    vpcId: VPC.main,
    subnetIds: [SUBNET.mainDataB],
    securityGroupIds: [GROUP.analytics],
    login: SEARCH_LOGIN,
    indices: { 'logs-2026-11-29': 1840, 'logs-2026-11-30': 912 },
  },
];

const login = (username: string, password: string, database: string, host: string): string =>
  JSON.stringify({ username, password, engine: 'postgres', host, port: 5432, dbname: database });

/** The secrets of databases. Every secret that a task definition names exists in addition. */
export const SEED_DATABASE_SECRETS: readonly SeedSecret[] = [
  { name: ORDERS_SECRET, value: login('orders', ORDERS_PASSWORD, 'orders', ORDERS_HOST) },
  {
    name: CATALOG_SECRET,
    value: JSON.stringify({ username: 'catalog', password: CATALOG_PASSWORD }),
    owningService: 'rds',
  },
  {
    name: ANALYTICS_SECRET,
    value: JSON.stringify({ username: 'awsuser', password: ANALYTICS_PASSWORD }),
    owningService: 'redshift',
  },
  { name: 'demo/logs-search', value: JSON.stringify(SEARCH_LOGIN) },
];
