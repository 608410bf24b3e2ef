import { DomainError } from '#observability';

export class WebhookNotFound extends DomainError {
  constructor(webhookId: string) {
    super('WEBHOOK_NOT_FOUND', 'There is no such webhook.', { webhook_id: webhookId });
  }
}

export class DeliveryNotFound extends DomainError {
  constructor(deliveryId: string) {
    super('WEBHOOK_DELIVERY_NOT_FOUND', 'The webhook has no such delivery.', { delivery_id: deliveryId });
  }
}

export class WebhookUrlRefused extends DomainError {
  constructor(detail: string) {
    super('WEBHOOK_URL_REFUSED', detail);
  }
}

export class WebhooksExceeded extends DomainError {
  constructor(limit: number) {
    super('WEBHOOKS_LIMIT_EXCEEDED', `The tenant has ${String(limit)} webhooks, as many as it may.`, {
      limit,
    });
  }
}
