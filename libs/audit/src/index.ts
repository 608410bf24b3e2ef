export { type AuditEvent, AuditTrail, type TrailPage } from './audit-trail.js';
export { createAuditPartitions } from './partitions.js';
export { type AuditRecord, record } from './record.js';
